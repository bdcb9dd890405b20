import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { WishboneError } from '../errors.js';
import { cannotWrite } from '../files/atomic-file.js';
import { makeFolderOf } from '../files/make-folders.js';
import { claim, type Holder, holderOf } from '../run/process-claim.js';

const fileOf = (sweepFile: string): string => path.join(path.dirname(sweepFile), 'process.json');

/** The process that works on a sweep; undefined when none does, as far as can be told. */
export async function queueOf(sweepFile: string): Promise<Holder | undefined> {
  return holderOf(fileOf(sweepFile));
}

/** Whether a process that worked on a sweep has gone without a word: it was killed, or the machine was. */
export async function wasLeft(sweepFile: string): Promise<boolean> {
  return (await queueOf(sweepFile)) === undefined && existsSync(fileOf(sweepFile));
}

/**
 * Makes this process the one that works on a sweep.
 *
 * @returns ends that
 * @throws WishboneError when another one does, or nothing can be written there
 */
export async function claimSweep(sweepFile: string): Promise<() => Promise<void>> {
  const folder = path.dirname(sweepFile);
  await makeFolderOf(sweepFile);
  const release = await claim(fileOf(sweepFile)).catch((error: unknown) => {
    throw cannotWrite(fileOf(sweepFile), error);
  });
  if (release !== undefined) return release;
  const other = await queueOf(sweepFile);
  const who = other === undefined ? '' : `: ${other.pid}${other.host === hostname() ? '' : ` on ${other.host}`}`;
  const advice = 'see how it stands with --dry-run; --pause, --skip and --first tell it what to do';
  throw new WishboneError(`a process works on this sweep already${who}`, folder, advice);
}
