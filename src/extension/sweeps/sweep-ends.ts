import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { runState } from '../../core/run/index.js';
import { queueOf, readSweep, sweepFiles, type SweepProgress, sweepProgress, type SweepRecord } from '../../core/sweep/index.js';
import { showInformation, showWarning } from '../messages.js';
import { runCommand } from '../run-command.js';
import { countsText, tableLook } from './sweep-text.js';

const SHOW = 'Show as a Table';
/** A queue looks at its runs every second; once the last has ended it ends too, or begins another, which may take a while. */
const LOOK_MILLISECONDS = 1000;
const MOST_LOOKS = 300;

/** Sweeps whose end is waited for: several runs may end at once. */
const TELLING = new Set<string>();

/** The sweep of a run, if it is of one. What is damaged has none. */
async function sweepOfRun(folder: string): Promise<{ readonly file: string; readonly record: SweepRecord } | undefined> {
  for (const file of await sweepFiles(path.dirname(folder))) {
    const record = await readSweep(file).catch(() => undefined);
    if (record?.trials.some((trial) => trial.folder === folder)) return { file, record };
  }
  return undefined;
}

/**
 * Whether the end of a run is for its sweep to tell: one that is at work, or that ended with it. Of the last run the sweep's own end is
 * told. One that somebody resumed after the sweep had given it up is told of by itself.
 */
export async function isToldBySweep(folder: string, onError: (error: unknown) => void): Promise<boolean> {
  const sweep = await sweepOfRun(folder);
  if (sweep === undefined) return false;
  const { file, record } = sweep;
  if ((await queueOf(file)) === undefined) {
    const trial = record.trials.find((each) => each.folder === folder);
    const isGivenUp = trial?.early !== undefined || trial?.skipped !== undefined;
    if (isGivenUp || !(await progressOf(record)).isDone) return false;
  }
  if (!TELLING.has(file)) {
    TELLING.add(file);
    void tellEnd(file)
      .catch(onError)
      .finally(() => TELLING.delete(file));
  }
  return true;
}

/** Tells of the end of a sweep, unless another run of it begins first. */
async function tellEnd(file: string): Promise<void> {
  for (let look = 0; look < MOST_LOOKS; look++) {
    const isAtWork = (await queueOf(file)) !== undefined;
    const record = await readSweep(file);
    if (record === undefined) return;
    const progress = await progressOf(record);
    if (isAtWork && progress.counts.working === 0) {
      await sleep(LOOK_MILLISECONDS, undefined, { ref: false });
      continue;
    }
    // Paused, or ended by something else: whoever did it knows.
    if (isAtWork || !progress.isDone) return;
    const name = record.name ?? path.basename(path.dirname(file));
    const show = progress.counts.failed > 0 ? showWarning : showInformation;
    void show(`The sweep ${name} has ended: ${countsText(progress)}.`, SHOW).then((choice) =>
      choice === SHOW ? runCommand('wishbone.showRunsTable', tableLook(name, progress)) : undefined,
    );
    return;
  }
}

async function progressOf(record: SweepRecord): Promise<SweepProgress> {
  const folders = record.trials.flatMap(({ folder }) => folder ?? []);
  const states = new Map(
    await Promise.all(folders.map(async (folder) => [folder, await runState(folder).catch(() => undefined)] as const)),
  );
  return sweepProgress(record, (folder) => states.get(folder));
}
