import { stat } from 'node:fs/promises';

import { ExitCode } from '../../core/errors.js';
import type { FailedEvent } from '../../core/events/events.js';
import { locations } from '../error-text.js';

/**
 * Whether a failed run may end otherwise when it is resumed. A file that was at fault and has not been touched since is at
 * fault still, and settings that asked for too much memory ask for it again: then a run with changes is what helps.
 */
export async function mayEndOtherwise({ exitCode, where, time }: Pick<FailedEvent, 'exitCode' | 'where' | 'time'>): Promise<boolean> {
  switch (exitCode) {
    case ExitCode.usage:
    case ExitCode.badInput: {
      const failed = Date.parse(time);
      // What the GPU lacked may have been fetched since.
      const library = process.env['WISHBONE_CUBLASLT'] ?? '';
      const files = /cuda/i.test(where) ? [library] : locations(where).map(({ file }) => file);
      const changes = await Promise.all(files.filter((file) => file !== '').map(changedAt));
      return changes.some((changed) => changed > failed);
    }
    case ExitCode.outOfMemory:
      return false;
    default:
      // Disks are emptied, machines are started again.
      return true;
  }
}

/** When a file came to be what it is, moved here included; never for one that is not there. */
async function changedAt(file: string): Promise<number> {
  return stat(file).then(
    ({ ctimeMs }) => ctimeMs,
    () => -Infinity,
  );
}
