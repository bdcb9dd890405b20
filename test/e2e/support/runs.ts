import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

export interface RunEvent {
  readonly seq: number;
  readonly type: string;
  readonly [field: string]: unknown;
}

/** A run folder, read from disk without the project's own code: what the window shows is held against this. */
export class RunOnDisk {
  constructor(readonly folder: string) {}

  async events(): Promise<RunEvent[]> {
    const file = join(this.folder, 'events.jsonl');
    // What a hostile workspace has there is no log.
    const isFile = await stat(file).then(
      (info) => info.isFile(),
      () => false,
    );
    const text = isFile ? await readFile(file, 'utf8').catch(() => '') : '';
    // The last line may still be in the writing; a test of crashes leaves half a line before others.
    return text
      .split('\n')
      .slice(0, -1)
      .flatMap((line) => {
        try {
          return [JSON.parse(line) as RunEvent];
        } catch {
          return [];
        }
      });
  }

  async ofType(type: string): Promise<RunEvent[]> {
    return (await this.events()).filter((event) => event.type === type);
  }

  /** Last step done; 0 before the first. */
  async step(): Promise<number> {
    return Number((await this.ofType('step')).at(-1)?.['step'] ?? 0);
  }

  /** The runner's process id, once it has said so. */
  async pid(): Promise<number | undefined> {
    const start = (await this.ofType('start')).at(-1);
    return start === undefined ? undefined : Number(start['pid']);
  }

  /** Whether the process that the event log names is alive and is the same one: its start time tells. */
  async alive(): Promise<boolean> {
    const start = (await this.ofType('start')).at(-1);
    if (start === undefined) return false;
    const stat = await readFile(`/proc/${String(start['pid'])}/stat`, 'utf8').catch(() => '');
    // Fields are counted after the name, which may hold spaces; the start time is field 22.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[19] === String(start['pidStart']) && fields[0] !== 'Z';
  }

  /** Ends the runner at once when it is still alive. */
  async kill(): Promise<void> {
    if (await this.alive()) process.kill((await this.pid()) as number, 'SIGKILL');
  }
}

/** The runs of a workspace, oldest first. */
export async function runsIn(workspace: string): Promise<RunOnDisk[]> {
  const folder = join(workspace, '.wishbone/runs');
  const names = await readdir(folder).catch(() => []);
  return names
    .filter((name) => !name.startsWith('.'))
    .sort()
    .map((name) => new RunOnDisk(join(folder, name)));
}
