import { open, rename, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { PRIVATE_FILE } from '../files/atomic-file.js';
import { mostBytes, readPlainText } from '../files/plain-file.js';
import { identify } from './process-identity.js';

/** The process that has something to itself, as its file says. */
export interface Holder {
  readonly pid: number;
  readonly host: string;
  /** Tells it from a later process of its number, where the system lets one. */
  readonly pidStart?: number;
  readonly bootId?: string;
}

/** The process that has this file; undefined when none does, as far as can be told: of another machine's it cannot. */
export async function holderOf(file: string): Promise<Holder | undefined> {
  const holder = await readHolder(file);
  return holder !== undefined && (await lives(holder)) ? holder : undefined;
}

/**
 * Makes this process the one that has a file, whose folder is there. What a process that is gone has left is taken over. Of several that
 * try at once one succeeds.
 *
 * @returns what gives it up again; undefined when another process has it
 */
export async function claim(file: string): Promise<(() => Promise<void>) | undefined> {
  const own: Holder = { pid: process.pid, host: hostname(), ...(await identify(process.pid)) };
  for (let attempt = 0; attempt < 5; attempt++) {
    try {
      const handle = await open(file, 'wx', PRIVATE_FILE);
      await handle.writeFile(`${JSON.stringify(own)}\n`).finally(() => handle.close());
      return () => rm(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if ((await holderOf(file)) !== undefined) return undefined;
    // Of several that find it left behind, one moves it away.
    const left = `${file}.left-${process.pid}`;
    await rename(file, left).catch(() => undefined);
    if ((await holderOf(left)) !== undefined) {
      // Another one was quicker, and it is that one's.
      await rename(left, file).catch(() => undefined);
      return undefined;
    }
    await rm(left, { force: true });
  }
  return undefined;
}

async function readHolder(file: string): Promise<Holder | undefined> {
  // Whoever makes it writes at once.
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      const { pid, host, pidStart, bootId } = JSON.parse(await readPlainText(file, mostBytes.record)) as Record<string, unknown>;
      if (!Number.isSafeInteger(pid) || (pid as number) < 1 || typeof host !== 'string') return undefined;
      const identity = Number.isSafeInteger(pidStart) && typeof bootId === 'string' ? { pidStart: pidStart as number, bootId } : {};
      return { pid: pid as number, host, ...identity };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      await sleep(20);
    }
  }
  return undefined;
}

async function lives({ pid, host, pidStart, bootId }: Holder): Promise<boolean> {
  // Of another machine nothing can be told from here.
  if (host !== hostname()) return true;
  const now = await identify(pid);
  if (now !== undefined && pidStart !== undefined) return now.pidStart === pidStart && now.bootId === bootId;
  if (process.platform === 'linux') return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
