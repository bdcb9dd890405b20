import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { PRIVATE_FILE } from '../files/atomic-file.js';
import { workerBundle } from '../transport/index.js';
import { readAsked } from './asked.js';
import { senderOf } from './lock.js';
import type { Variables } from './places.js';
import { makeFolder, TRACKERS_FOLDER } from './record.js';

/** What the process that sends says of itself. */
const TRACK_LOG = 'track.log';
/** A run folder may come from anywhere, with a link in it. */
const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Starts the process that sends a run to its trackers, unless it names none or one is at work: a process of its own that outlives this one,
 * as the runner does, so that neither steps nor windows ever wait for a tracker.
 *
 * @param variables more of them than this process has, or others
 */
export async function startTracking(folder: string, variables: Variables = {}): Promise<void> {
  if ((await readAsked(folder)) === undefined || (await senderOf(folder)) !== undefined) return;
  const bundle = workerBundle('track');
  if (bundle === undefined) return;
  const own = path.join(folder, TRACKERS_FOLDER);
  await makeFolder(folder);
  const log = await open(path.join(own, TRACK_LOG), APPEND, PRIVATE_FILE);
  try {
    const child = spawn(process.execPath, [bundle, folder], {
      cwd: folder,
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      // In VS Code, `process.execPath` is Electron; this makes it behave as Node.js.
      env: { ...process.env, ...variables, ELECTRON_RUN_AS_NODE: '1' },
    });
    // The run goes on without; whoever asks for it later is told.
    child.on('error', () => undefined);
    child.unref();
  } finally {
    await log.close();
  }
}
