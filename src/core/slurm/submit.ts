import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { WishboneError } from '../errors.js';
import { readEventEnds } from '../events/event-ends.js';
import { SHARED_FILE, writeFileAtomically } from '../files/atomic-file.js';
import { readRun } from '../run/folder.js';
import { PROCESS_FILE } from '../run/process-record.js';
import { isActive, runState } from '../run/state.js';
import { checkPlanUnchanged } from '../run/unchanged-plan.js';
import { cancel, cancelPending, signalSteps, submit } from './commands.js';
import { type JobRecord, readJobRecord, removeJob, writeJobRecord } from './job-record.js';
import { batchScript, changedScript, jobName, SCRIPT_FILE, STOP_FILE } from './script.js';
import type { SlurmTarget } from './target.js';

/**
 * Gives a run to a cluster: writes the batch script into its folder and submits it. A run that has begun goes on from its newest checkpoint.
 * A script that was changed by hand is submitted as it is, unless it is to be written `anew`. When Slurm refuses, the run is as it was before.
 *
 * @returns the job's id
 * @throws WishboneError when the run is at work, when a script that was changed is for another target, or with Slurm's words
 */
export async function submitRun(runFolder: string, target: SlurmTarget, runner: string, { anew = false } = {}): Promise<string> {
  const run = await readRun(runFolder);
  const { folder, config } = run;
  if (isActive(await runState(folder)))
    throw new WishboneError('this run is already running', folder, 'stop it first, or wait until it ends');
  await checkPlanUnchanged(run);
  const script = path.join(folder, SCRIPT_FILE);
  const name = jobName(config.id);
  const changed = anew ? undefined : await changedScript(folder);
  if (changed?.target !== undefined && changed.target !== target.name)
    throw new WishboneError(
      `the batch script was changed by hand, and is for the target ${changed.target}`,
      changed.file,
      `give the run to ${changed.target}, or remove the file to have it written for ${target.name}`,
    );
  const text = changed === undefined ? batchScript({ target, folder, id: config.id, runner }) : undefined;
  const before = await readJobRecord(folder);
  const seq = (await readEventEnds(folder)).at(-1)?.seq ?? -1;
  // Before the job is there, which may begin at once.
  await removeJob(folder);
  if (text !== undefined) await writeFileAtomically(script, (handle) => handle.writeFile(text), SHARED_FILE);
  let id: string;
  try {
    id = await submit(script, folder, name);
  } catch (error) {
    if (text !== undefined) await rm(script, { force: true });
    await writeJobRecord(folder, { ...before, target: target.name, id: undefined });
    throw error;
  }
  await rm(path.join(folder, PROCESS_FILE), { force: true });
  await writeJobRecord(folder, { target: target.name, id, submitted: new Date().toISOString(), seq });
  return id;
}

/** How often, and how far apart, a job that is at it is signalled before it is given up. */
const SIGNAL_ATTEMPTS = 5;
const SIGNAL_MILLISECONDS = 1000;

/**
 * Asks the job of a run to stop: one that waits leaves the queue, one that runs finishes its step, writes a checkpoint and ends. With
 * `force` it ends at once.
 *
 * @throws WishboneError when Slurm does not do it
 */
export async function stopJob(folder: string, job: JobRecord & { readonly id: string }, { force = false } = {}): Promise<void> {
  const stopAsked = new Date().toISOString();
  const named = { id: job.id, name: jobName((await readRun(folder)).config.id) };
  // Read by the script: a run that was stopped does not go back into the queue.
  await writeFile(path.join(folder, STOP_FILE), `${stopAsked}\n`);
  if (await cancelPending(named)) return writeJobRecord(folder, { ...job, stopAsked, cancelled: true });
  await writeJobRecord(folder, { ...job, stopAsked });
  if (force) return cancel(named);
  for (let attempt = 1; ; attempt++) {
    try {
      return await signalSteps(named);
    } catch (error) {
      // A job that is being set up has no step yet, and its script looks for the file before it starts one; one that is ending has none any more.
      if (!isActive(await runState(folder))) return;
      if (attempt === SIGNAL_ATTEMPTS) throw error;
      await sleep(SIGNAL_MILLISECONDS);
    }
  }
}
