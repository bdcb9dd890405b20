import { spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WishboneError } from '../errors.js';
import { cannotWrite, PRIVATE_FILE } from '../files/atomic-file.js';
import { makeFolderOf } from '../files/make-folders.js';
import { queueOf } from './process.js';

/** What the process says of the sweep. */
export const LOG_FILE = 'sweep.log';
const PATIENCE_MILLISECONDS = 30_000;

export interface SweepStart {
  /** Arguments of Node.js that run the command line. */
  readonly cli: readonly string[];
  /** More of `wishbone sweep`. */
  readonly more?: readonly string[];
  /** The working folder; this process's own without one. */
  readonly folder?: string;
  /** Variables beside those of this process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/**
 * Starts `wishbone sweep` on a run config as a process of its own, which outlives this one as runs do, and waits until it is at work.
 *
 * @returns its number
 * @throws WishboneError when one works on the sweep already, or it ends before it has begun
 */
export async function startSweep(config: string, sweepFile: string, { cli, more = [], folder, env }: SweepStart): Promise<number> {
  const own = path.dirname(sweepFile);
  const other = await queueOf(sweepFile);
  if (other !== undefined) throw new WishboneError(`a process works on this sweep already: ${other.pid}`, own, 'pause it first');
  const file = path.join(own, LOG_FILE);
  await makeFolderOf(file);
  const log = await open(file, 'w', PRIVATE_FILE).catch((error: unknown) => {
    throw cannotWrite(file, error);
  });
  let end: { readonly code: number | null } | undefined;
  let child;
  try {
    child = spawn(process.execPath, [...cli, 'sweep', config, ...more], {
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      ...(folder === undefined ? {} : { cwd: folder }),
      // In VS Code, `process.execPath` is Electron; this makes it behave as Node.js.
      env: { ...process.env, ...env, ELECTRON_RUN_AS_NODE: '1' },
    });
    child.on('error', () => (end = { code: null }));
    child.on('exit', (code) => (end = { code }));
    child.unref();
  } finally {
    await log.close();
  }
  const { pid } = child;
  for (const deadline = Date.now() + PATIENCE_MILLISECONDS; pid !== undefined && Date.now() < deadline; await sleep(50)) {
    // A sweep of which all is done ends at once.
    if ((await queueOf(sweepFile))?.pid === pid || end?.code === 0) return pid;
    if (end !== undefined) break;
  }
  throw new WishboneError('the sweep could not be started', file, 'see what it said there');
}
