import { readdir, readFile } from 'node:fs/promises';

/** A runner that waits for prompts. */
export interface ChatRunner {
  readonly words: readonly string[];
  /** The process that started it. */
  readonly parent: number;
}

/** Every `wishbone-runner chat` of this machine, as Linux tells of processes. */
export async function chatRunners(): Promise<ChatRunner[]> {
  const read = (id: string, file: string): Promise<string> => readFile(`/proc/${id}/${file}`, 'utf8').catch(() => '');
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const all = await Promise.all(
    ids.map(async (id) => {
      const words = (await read(id, 'cmdline')).split('\0');
      // Behind the name, which may hold anything: the state and the parent.
      return { words, parent: Number((await read(id, 'stat')).split(') ').at(-1)?.split(' ')[1]) };
    }),
  );
  return all.filter(({ words }) => words[1] === 'chat');
}
