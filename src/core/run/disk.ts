import { statfs } from 'node:fs/promises';
import path from 'node:path';

import { ExitCode, WishboneError } from '../errors.js';
import type { TrainingOptions } from '../options/index.js';

/** Plan, log and events beside the weights. */
const SLACK_BYTES = 64 * 2 ** 20;

/**
 * Bytes a run may write at its fullest: the export (weights in fp32), the checkpoints it keeps and the one being
 * written, each of weights and AdamW's two moments in fp32, and the best evaluation's weights. When all checkpoints are kept, as if it kept one: how many
 * there will be is not known yet.
 *
 * @param parameters weights of the model
 */
export function diskNeed(parameters: number, training: TrainingOptions): number {
  const checkpoints = training.save_steps === 0 && training.save_minutes === 0 ? 1 : Math.max(1, training.save_total_limit) + 1;
  // The weights of the best evaluation: the one kept and the one being written.
  const best = training.eval_steps > 0 ? 2 : 0;
  return parameters * 4 * (1 + 3 * checkpoints + best) + SLACK_BYTES;
}

/**
 * Checks that the disk has room for a run, so that it does not fail at its first checkpoint.
 *
 * @param runsFolder need not exist yet
 * @throws WishboneError when there is too little room
 */
export async function checkDiskSpace(runsFolder: string, parameters: number, training: TrainingOptions): Promise<void> {
  const free = await freeBytes(path.resolve(runsFolder));
  const need = diskNeed(parameters, training);
  if (free === undefined || free >= need) return;
  throw new WishboneError(
    `the disk has ${gibibytes(free)} free, but the run may need ${gibibytes(need)}`,
    runsFolder,
    'free some space, lower save_total_limit, or write checkpoints less often (save_minutes, save_steps)',
    ExitCode.cannotWrite,
  );
}

/** Bytes that this user may still write where the folder is or would be; undefined when the system does not say. */
export async function freeBytes(folder: string): Promise<number | undefined> {
  for (let at = folder; ; at = path.dirname(at)) {
    try {
      const { bavail, bsize } = await statfs(at);
      return bavail * bsize;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || at === path.dirname(at)) return undefined;
    }
  }
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(bytes < 10 * 2 ** 30 ? 2 : 0)} GiB`;
}
