import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, WishboneError } from '../errors.js';
import { SHARED_FILE, writeFileAtomically } from '../files/atomic-file.js';
import { checkOptions, type RunnerOptions, type TrainingOptions } from '../options/index.js';
import { createRunFolder, EVAL_PLAN_FILE, newRunConfig, TOKENIZER_FOLDER } from '../run/folder.js';
import { madeWith } from '../run/provenance.js';
import type { DatasetRequest } from '../tokenise/index.js';
import { standInTemplate } from '../tokenizer/index.js';
import type { WorkOptions } from '../work/progress.js';
import { checkInputs } from './check-inputs.js';
import { obtainPlan, type ReadyTokens } from './obtain-plan.js';
import type { PlanSummary } from './summary.js';

/** What a run is made of. */
export interface RunRequest extends DatasetRequest {
  readonly name?: string | undefined;
  readonly training: TrainingOptions;
  readonly runner: RunnerOptions;
  /** The folder that holds runs; made when it is not there. */
  readonly runsFolder: string;
}

/**
 * Reads the dataset, tokenises it, plans, and makes the run's folder with `run.json`, the plan and, where pairs are held
 * out, the evaluation's plan. Options and models are checked before anything is read. Nothing is written before the plan is
 * complete, and nothing is left when it fails or is cancelled.
 *
 * @param ready tokens that are in memory, and are used if they are the dataset's
 * @throws WishboneError for bad input, or when the folder cannot be written
 */
export async function prepareRun(
  request: RunRequest,
  work: WorkOptions = {},
  ready?: ReadyTokens,
): Promise<{ folder: string; summary: PlanSummary }> {
  checkOptions(request, request.evalDataset !== undefined || request.plan.eval_fraction > 0);
  await checkInputs(request);
  const planned = await obtainPlan(request, work, { files: true, ready });
  const template = await standInTemplate(planned.model.folder, request.plan.chat_template);
  const config = newRunConfig({
    name: request.name,
    dataset: planned.reference,
    evalDataset: planned.evalReference,
    model: { path: planned.model.folder },
    plan: planned.options,
    training: request.training,
    runner: request.runner,
    madeWith: await madeWith(request.runsFolder),
  });
  work.onProgress?.({ phase: 'write', done: 0, total: 0 });
  const folder = await createRunFolder(request.runsFolder, config, async (file) => {
    try {
      await planned.write(file);
      await planned.writeEval(path.join(path.dirname(file), EVAL_PLAN_FILE));
      if (template !== undefined) await writeTemplate(path.join(path.dirname(file), TOKENIZER_FOLDER), template);
    } catch (error) {
      // The folder under construction is gone when anyone reads this: name the one that was asked for.
      if (!(error instanceof WishboneError) || error.exitCode !== ExitCode.cannotWrite) throw error;
      throw new WishboneError(error.what, path.resolve(request.runsFolder), error.advice, error.exitCode);
    }
    work.signal?.throwIfAborted();
  });
  return { folder, summary: planned.summary };
}

/** What the export has instead of the model's own chat template; the runner copies it. */
async function writeTemplate(folder: string, template: string): Promise<void> {
  await mkdir(folder);
  await writeFileAtomically(path.join(folder, 'chat_template.jinja'), (handle) => handle.writeFile(template), SHARED_FILE);
}
