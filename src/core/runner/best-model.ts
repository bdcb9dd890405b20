import { access, readdir, rm } from 'node:fs/promises';
import path from 'node:path';

import { ExitCode, WishboneError } from '../errors.js';
import { readEvents } from '../events/event-reader.js';
import { readRun } from '../run/folder.js';
import { RunHistory } from '../history/history.js';
import { locateRunner } from './locate-runner.js';
import { runnerCommand } from './runner-command.js';
import { parseRunnerError } from './runner.js';

/** What is there of the model that the best evaluation was of. */
export interface BestModel {
  /** Steps that led to it. */
  readonly step: number;
  /** Absolute path of the model, a Hugging Face folder; undefined when it is not exported. */
  readonly folder: string | undefined;
  /** Whether its weights are kept, so that it can be exported. */
  readonly kept: boolean;
}

/** Where the model of a checkpoint goes, in the run folder. */
export function exportFolderOf(folder: string, step: number): string {
  return path.join(folder, 'exports', stepName(step));
}

function stepName(step: number): string {
  return `step-${String(step).padStart(6, '0')}`;
}

/** The best model of a run; undefined where nothing was evaluated. */
export async function bestModel(
  folder: string,
  history: Pick<RunHistory, 'best' | 'exportPath' | 'exportStep'>,
): Promise<BestModel | undefined> {
  const step = history.best?.step;
  if (step === undefined) return undefined;
  const exported = [
    ...(history.exportPath !== undefined && history.exportStep === step ? [path.resolve(folder, history.exportPath)] : []),
    exportFolderOf(folder, step),
  ].filter((each) => each.startsWith(folder + path.sep));
  const there = await Promise.all(exported.map(isThere));
  return {
    step,
    folder: exported.find((_, i) => there[i]),
    kept: await isThere(path.join(folder, 'checkpoints', stepName(step), 'model.safetensors')),
  };
}

/**
 * Has the model of a run's best evaluation, or of another checkpoint, as a Hugging Face folder: in `exports/` of the run
 * folder, unless the run's own export is that model. Also while the run goes on.
 *
 * @param step of a checkpoint; by default that of the best evaluation
 * @returns the absolute path of the model
 * @throws WishboneError when nothing was evaluated, the checkpoint is gone, or the runner cannot write it
 */
export async function exportBest(
  runFolder: string,
  { step: asked, signal }: { readonly step?: number; readonly signal?: AbortSignal } = {},
): Promise<string> {
  const { folder } = await readRun(runFolder);
  const history = new RunHistory();
  for (const event of await readEvents(folder)) history.add(event);
  const best = await bestModel(folder, history);
  if (asked === undefined && best === undefined) {
    throw new WishboneError(
      'the run has no evaluation, so no model is the best',
      folder,
      'train with an eval dataset and eval_steps, or name the step of a checkpoint',
    );
  }
  const step = asked ?? best!.step;
  if (best?.step === step && best.folder !== undefined) return best.folder;
  const out = exportFolderOf(folder, step);
  const program = await locateRunner();
  // Loaded when it is needed: it takes longer to load than to use.
  const { execa } = await import('execa');
  const args = ['export', folder, '--step', String(step), '--out', out];
  const ended = await execa(...runnerCommand(program, args), {
    reject: false,
    stdin: 'ignore',
    ...(signal ? { cancelSignal: signal } : {}),
  });
  if (signal?.aborted === true) await removeUnfinished(path.dirname(out));
  signal?.throwIfAborted();
  if (ended.exitCode === 0) return out;
  const said = parseRunnerError(ended.stderr.split('\n'));
  const code = Object.values(ExitCode).find((known) => known === ended.exitCode && known !== ExitCode.ok) ?? ExitCode.internal;
  if (said) throw new WishboneError(said.what, said.where, said.advice, code);
  throw new WishboneError(`the runner ended without a result (exit code ${ended.exitCode ?? 'unknown'})`, program, 'try again', code);
}

/** What a runner that was ended in the middle left: it gives a folder its name once it is whole. */
async function removeUnfinished(exports: string): Promise<void> {
  const names = await readdir(exports).catch(() => []);
  const unfinished = names.filter((name) => !/^step-\d+$/.test(name));
  await Promise.all(unfinished.map((name) => rm(path.join(exports, name), { recursive: true, force: true })));
}

function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
