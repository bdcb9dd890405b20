import { rm } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, WishboneError } from '../errors.js';
import { makeTemporaryFolder } from '../files/temporary-folder.js';
import { readSafetensors } from '../files/safetensors.js';
import type { RunnerOptions } from '../options/index.js';
import { type Plan, writePlan } from '../plan/index.js';
import { locateRunner } from '../runner/locate-runner.js';
import { parseRunnerError } from '../runner/runner.js';
import { runnerCommand } from '../runner/runner-command.js';
import type { SampledModel } from '../sample/models.js';
import { runnerFlags } from '../runner/runner-flags.js';
import type { WorkOptions } from '../work/progress.js';

/**
 * The log-probability of each target of a plan by some models, one after another.
 *
 * @param program the runner's path; by default it is looked for
 * @returns for each model [R] F32 in nats, in the plan's order
 * @throws WishboneError with what the runner says
 */
export async function targetLogps(
  plan: Plan,
  models: readonly SampledModel[],
  options: RunnerOptions,
  { signal, onProgress }: WorkOptions = {},
  program?: string,
): Promise<Float32Array[]> {
  const runner = program ?? (await locateRunner());
  const folder = await makeTemporaryFolder('wishbone-why-');
  try {
    const file = path.join(folder, 'plan.safetensors');
    await writePlan(file, plan);
    const found: Float32Array[] = [];
    for (const [at, { folder: model, adapter }] of models.entries()) {
      onProgress?.({ phase: 'tokens', done: at, total: models.length });
      const out = path.join(folder, 'logps.safetensors');
      const own = adapter === undefined ? [] : ['--adapter', adapter];
      await logps(runner, ['logps', model, file, '--per-token', '--out', out, ...own, ...runnerFlags(options)], signal);
      const data = (await readSafetensors(out, new Set(['target_logps']))).tensors.get('target_logps')?.data;
      if (!(data instanceof Float32Array) || data.length !== plan.targetToken.length) {
        throw new WishboneError('the runner gave no log-probability for each token', runner, 'use the runner of this version of Wishbone');
      }
      found.push(data);
    }
    return found;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function logps(runner: string, args: readonly string[], signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  // Loaded when it is needed: it takes longer to load than most of what is asked here.
  const { execa } = await import('execa');
  const ended = await execa(...runnerCommand(runner, args), {
    reject: false,
    stdin: 'ignore',
    ...(signal ? { cancelSignal: signal } : {}),
  });
  signal?.throwIfAborted();
  if (ended.exitCode === 0) return;
  const said = parseRunnerError(ended.stderr.split('\n'));
  const code = Object.values(ExitCode).find((known) => known === ended.exitCode && known !== ExitCode.ok) ?? ExitCode.internal;
  if (said !== undefined) throw new WishboneError(said.what, said.where, said.advice, code);
  throw new WishboneError(`the runner ended without a result (exit code ${ended.exitCode ?? 'unknown'})`, runner, 'try again', code);
}
