import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';

const repository = resolve(import.meta.dirname, '../../..');

export const pair = (prompt: string, chosen: string): string =>
  `${JSON.stringify({
    prompt: [{ role: 'user', content: prompt }],
    chosen: [{ role: 'assistant', content: chosen }],
    rejected: [{ role: 'assistant', content: 'No.' }],
  })}\n`;

/** Fills a workspace with what hurts whoever reads it without care. */
export async function makeHostile(workspace: string): Promise<void> {
  const bad = join(repository, 'test/fixtures/datasets/bad');
  for (const name of ['damaged-page', 'damaged-levels', 'damaged-schema'])
    await cp(join(bad, `${name}.parquet`), join(workspace, `${name}.parquet`));
  // Half a gigabyte of one row in half a megabyte.
  const parts = [Buffer.from('[{"chosen":"'), ...Array.from({ length: 30 }, () => Buffer.alloc(16e6, 0x61)), Buffer.from('"}]')];
  await writeFile(join(workspace, 'bomb.json.gz'), gzipSync(Buffer.concat(parts), { level: 1 }));
  await writeFile(join(workspace, 'deep.jsonl'), `{"prompt":"a","chosen":${'['.repeat(200_000)}${']'.repeat(200_000)},"rejected":"b"}\n`);
  for (const name of ['zero.jsonl', 'zero.parquet', 'zero.wishbone.json']) await symlink('/dev/zero', join(workspace, name));
  for (const name of ['pipe.jsonl', 'pipe.csv', 'pipe.wishbone.json']) execFileSync('mkfifo', [join(workspace, name)]);
  // A model whose template has no end, and whose pattern has none.
  for (const [name, change] of [
    [
      'endless-template',
      async (folder: string) =>
        writeFile(
          join(folder, 'chat_template.jinja'),
          '{{ range(300000000)|length }}{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}',
        ),
    ],
    [
      'endless-pattern',
      async (folder: string) => {
        const file = join(folder, 'tokenizer.json');
        const tokenizer = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
        tokenizer['pre_tokenizer'] = { type: 'Split', pattern: { Regex: '(a+)+$' }, behavior: 'Isolated', invert: false };
        await writeFile(file, JSON.stringify(tokenizer));
      },
    ],
  ] as const) {
    const folder = join(workspace, name);
    await cp(join(workspace, 'tiny-llama'), folder, { recursive: true });
    await change(folder);
  }
  await writeFile(join(workspace, 'good.jsonl'), pair('Is the sea salty?', `${'a'.repeat(40)}!`).repeat(3));
  // Runs that are none.
  const runs = join(workspace, '.wishbone/runs');
  for (const [name, file] of [
    ['no-process', 'process.json'],
    ['no-events', 'events.jsonl'],
    ['no-run', 'run.json'],
    ['no-labels', 'labels.json'],
  ] as const) {
    await mkdir(join(runs, name), { recursive: true });
    await symlink('/dev/zero', join(runs, name, file));
  }
  await mkdir(join(runs, 'pipes'));
  for (const name of ['process.json', 'events.jsonl', 'run.json']) execFileSync('mkfifo', [join(runs, 'pipes', name)]);
}

/** Follows the memory of the extension hosts of a server's windows. */
export class HostMemory {
  /** Bytes, the most that was seen. */
  most = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(workspaceFolder: string) {
    this.#timer = setInterval(() => void this.#look(workspaceFolder).catch(() => undefined), 300);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(folder: string): Promise<void> {
    for (const pid of await readdir('/proc')) {
      if (!/^\d+$/.test(pid)) continue;
      try {
        if (!readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('--type=extensionHost')) continue;
        // Of this session's server: its folders are in the environment or the arguments of its parent.
        const parent = /^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
        if (!readFileSync(`/proc/${parent}/cmdline`, 'latin1').includes(folder)) continue;
        const resident = Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) * 1024;
        this.most = Math.max(this.most, resident);
      } catch {
        // It has ended meanwhile.
      }
    }
  }
}
