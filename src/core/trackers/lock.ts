import { open, readFile, rename, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WishboneError } from '../errors.js';
import { PRIVATE_FILE } from '../files/atomic-file.js';
import { identify } from '../run/process-identity.js';
import { makeFolder, TRACKERS_FOLDER } from './record.js';

const LOCK_FILE = 'process.json';
const LOOK_MILLISECONDS = 50;
/** Milliseconds that a process may take to end. */
const MOST_TO_GO = 2000;

/** Who sends a run's events. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly pidStart?: number;
  readonly bootId?: string;
}

/** The process that sends this run's events, if any; `isHere`: it is one of this machine. */
export async function senderOf(
  folder: string,
): Promise<{ readonly pid: number; readonly host: string; readonly isHere: boolean } | undefined> {
  const holder = await readHolder(fileOf(folder));
  if (holder === undefined || !(await lives(holder))) return undefined;
  return { pid: holder.pid, host: holder.host, isHere: holder.host === hostname() };
}

/**
 * Ends the process that sends this run's events, so that another can with what it knows, at once. Nothing is lost by that.
 *
 * @throws WishboneError when it is on another machine, or somebody else's
 */
export async function endSender(folder: string): Promise<void> {
  for (let waited = 0; ; waited += LOOK_MILLISECONDS) {
    const sender = await senderOf(folder);
    if (sender === undefined || sender.pid === process.pid) return;
    const { pid, host, isHere } = sender;
    if (!isHere) {
      const advice = `do it there; if that process is gone for good, remove ${TRACKERS_FOLDER}/${LOCK_FILE} from the folder`;
      throw new WishboneError(`the run is sent by a process on another machine, ${host}`, folder, advice);
    }
    try {
      process.kill(pid, waited > MOST_TO_GO ? 'SIGKILL' : 'SIGTERM');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH')
        throw new WishboneError(
          `the run is sent by process ${pid}, which cannot be ended`,
          folder,
          'do it as the user who started the run',
        );
    }
    await sleep(LOOK_MILLISECONDS);
  }
}

/**
 * Makes this process the one that sends a run's events. What a process that is gone has left is taken over.
 *
 * @returns what gives it up again; undefined when another process has it
 */
export async function becomeSender(folder: string): Promise<(() => Promise<void>) | undefined> {
  const file = fileOf(folder);
  await makeFolder(folder);
  const own: Holder = { pid: process.pid, host: hostname(), ...(await identify(process.pid)) };
  for (let attempt = 0; attempt < 5; attempt++) {
    try {
      const handle = await open(file, 'wx', PRIVATE_FILE);
      await handle.writeFile(`${JSON.stringify(own)}\n`).finally(() => handle.close());
      return () => rm(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = await readHolder(file);
    if (holder !== undefined && (await lives(holder))) return undefined;
    // Of several that find it left behind, one moves it away.
    const left = `${file}.left-${process.pid}`;
    await rename(file, left).catch(() => undefined);
    const moved = await readHolder(left);
    if (moved !== undefined && (await lives(moved))) {
      // Another one was quicker, and it is that one's.
      await rename(left, file).catch(() => undefined);
      return undefined;
    }
    await rm(left, { force: true });
  }
  return undefined;
}

const fileOf = (folder: string): string => path.join(folder, TRACKERS_FOLDER, LOCK_FILE);

async function readHolder(file: string): Promise<Holder | undefined> {
  // Whoever makes it writes at once.
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      const { pid, host, pidStart, bootId } = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
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
