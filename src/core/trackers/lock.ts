import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WishboneError } from '../errors.js';
import { claim, holderOf } from '../run/process-claim.js';
import { makeFolder, TRACKERS_FOLDER } from './record.js';

const LOCK_FILE = 'process.json';
const LOOK_MILLISECONDS = 50;
/** Milliseconds that a process may take to end. */
const MOST_TO_GO = 2000;

/** The process that sends this run's events, if any; `isHere`: it is one of this machine; `isCertain`: and not another one of its number. */
export async function senderOf(
  folder: string,
): Promise<{ readonly pid: number; readonly host: string; readonly isHere: boolean; readonly isCertain: boolean } | undefined> {
  const holder = await holderOf(fileOf(folder));
  if (holder === undefined) return undefined;
  const { pid, host, pidStart } = holder;
  return { pid, host, isHere: host === hostname(), isCertain: pidStart !== undefined };
}

/**
 * Ends the process that sends this run's events, so that another can with what it knows, at once. Nothing is lost by that.
 *
 * @throws WishboneError when it is on another machine, somebody else's, or may be any process: the folder may come from anywhere
 */
export async function endSender(folder: string): Promise<void> {
  for (let waited = 0; ; waited += LOOK_MILLISECONDS) {
    const sender = await senderOf(folder);
    if (sender === undefined || sender.pid === process.pid) return;
    const { pid, host, isHere, isCertain } = sender;
    if (!isHere) {
      const advice = `do it there; if that process is gone for good, remove ${TRACKERS_FOLDER}/${LOCK_FILE} from the folder`;
      throw new WishboneError(`the run is sent by a process on another machine, ${host}`, folder, advice);
    }
    if (!isCertain) {
      const advice = `end it yourself if that is what it does, or else remove ${TRACKERS_FOLDER}/${LOCK_FILE} from the folder`;
      throw new WishboneError(`the run is said to be sent by process ${pid}, which may be another by now`, folder, advice);
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
  await makeFolder(folder);
  return claim(fileOf(folder));
}

const fileOf = (folder: string): string => path.join(folder, TRACKERS_FOLDER, LOCK_FILE);
