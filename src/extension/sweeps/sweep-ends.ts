import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { runState } from '../../core/run/index.js';
import { queueOf, readSweep, sweepFiles, type SweepProgress, sweepProgress, type SweepRecord } from '../../core/sweep/index.js';
import { showInformation, showWarning } from '../messages.js';
import { runCommand } from '../run-command.js';
import { countsText, tableLook } from './sweep-text.js';

const SHOW = 'Show as a Table';
/** A queue looks at its runs every second; once the last has ended it ends too. */
const END_MILLISECONDS = 3000;

/** The sweep of a run, if it is of one. What is damaged has none. */
async function sweepOfRun(folder: string): Promise<{ readonly file: string; readonly record: SweepRecord } | undefined> {
  for (const file of await sweepFiles(path.dirname(folder))) {
    const record = await readSweep(file).catch(() => undefined);
    if (record?.trials.some((trial) => trial.folder === folder)) return { file, record };
  }
  return undefined;
}

/**
 * Whether the end of a run is for its sweep to tell, which is at work. Of the last one the sweep's own end is told.
 */
export async function isToldBySweep(folder: string, onError: (error: unknown) => void): Promise<boolean> {
  const sweep = await sweepOfRun(folder);
  if (sweep === undefined || (await queueOf(sweep.file)) === undefined) return false;
  void tellEnd(sweep.file).catch(onError);
  return true;
}

async function tellEnd(file: string): Promise<void> {
  await sleep(END_MILLISECONDS, undefined, { ref: false });
  if ((await queueOf(file)) !== undefined) return;
  const record = await readSweep(file);
  if (record === undefined) return;
  const progress = await progressOf(record);
  // Paused, or ended by something else: whoever did it knows.
  if (!progress.isDone) return;
  const name = record.name ?? path.basename(path.dirname(file));
  const show = progress.counts.failed > 0 ? showWarning : showInformation;
  const choice = await show(`The sweep ${name} has ended: ${countsText(progress)}.`, SHOW);
  if (choice === SHOW) await runCommand('wishbone.showRunsTable', tableLook(name, progress));
}

async function progressOf(record: SweepRecord): Promise<SweepProgress> {
  const folders = record.trials.flatMap(({ folder }) => folder ?? []);
  const states = new Map(
    await Promise.all(folders.map(async (folder) => [folder, await runState(folder).catch(() => undefined)] as const)),
  );
  return sweepProgress(record, (folder) => states.get(folder));
}
