import { rm } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { ExitCode, WishboneError } from '../errors.js';
import { makeTemporaryFolder } from '../files/temporary-folder.js';
import { decidedPlan, planFor, summarise, type PlanSummary } from '../prepare/index.js';
import { tokeniseDataset } from '../tokenise/index.js';
import { writePlan } from '../plan/index.js';
import type { WorkOptions } from '../work/progress.js';
import { cpu, gpu, planCost } from '../cost/index.js';
import type { PlanOptions, RunnerOptions } from '../options/index.js';
import { locateRunner } from '../runner/locate-runner.js';
import { parseRunnerError } from '../runner/runner.js';
import { runnerCommand } from '../runner/runner-command.js';
import { runnerFlags } from '../runner/runner-flags.js';
import { autoBackend, runnerBackends } from '../runner/runner-info.js';

/** What to measure. */
export interface SpeedupRequest {
  readonly dataset: string | readonly string[];
  readonly model: string;
  /** `sharing` is what is compared with none; `none` is taken as `pair`, `epochs` as 1 and `max_steps` as 0. */
  readonly plan: PlanOptions;
  /** What a bin holds where `plan.capacity` is "auto" (`DatasetRequest`). */
  readonly autoCapacity?: number | undefined;
  /** Use the dataset's first so many pairs; undefined means all. */
  readonly pairs?: number | undefined;
  /** Times every step of both plans is done. */
  readonly rounds: number;
  /** `recompute` is not looked at. */
  readonly runner: RunnerOptions;
  /** The runner's path, for threads that do not know the settings; by default it is located. */
  readonly program?: string | undefined;
}

/** Seconds of a plan's first steps by phase. */
export interface PhaseSeconds {
  readonly reference: number;
  readonly forward: number;
  /** With clipping and AdamW. */
  readonly backward: number;
}

/** What the runner prints at the end of `speedup` (docs/formats.md). */
export interface RunnerResult {
  readonly rounds: readonly { readonly sharedSeconds: number; readonly naiveSeconds: number }[];
  readonly sharedFlops: number;
  readonly naiveFlops: number;
  readonly sharedTokens: number;
  readonly naiveTokens: number;
  readonly pairs: number;
  readonly steps: number;
  readonly ceilingFlops: number;
  readonly device: string;
  readonly threads: number;
  /** Of the first few steps of each plan; older runners do not say. */
  readonly phases?: { readonly shared: PhaseSeconds; readonly naive: PhaseSeconds };
}

/** Shared against naive, on this machine. */
export interface SpeedupResult extends RunnerResult {
  /** Median over the rounds, seconds for all steps. */
  readonly sharedSeconds: number;
  readonly naiveSeconds: number;
  /** naiveSeconds / sharedSeconds: ratio of the medians. */
  readonly ratio: number;
  /** Least and greatest ratio of a single round. */
  readonly ratioMin: number;
  readonly ratioMax: number;
  readonly tokenRatio: number;
  /** Required FLOPs, naive over shared: what a perfect implementation would reach. */
  readonly flopsRatio: number;
  /** What the cost model says of the time's ratio on the kind of device that was measured. */
  readonly predictedRatio: number;
  /** Required FLOPs over time, as a fraction of the machine's measured matrix product rate. */
  readonly sharedSpeedOfLight: number;
  readonly naiveSpeedOfLight: number;
  readonly sharedPairsPerSecond: number;
  readonly naivePairsPerSecond: number;
  readonly plan: PlanSummary;
}

/**
 * Measures whole DPO steps (reference forward, policy forward and backward, clipping, AdamW) on the same pairs with and
 * without sharing, one step of each in turn, so that whatever else the machine does falls on both.
 *
 * @throws WishboneError for bad input, or with the runner's own error
 */
export async function measureSpeedup(request: SpeedupRequest, work: WorkOptions = {}): Promise<SpeedupResult> {
  const runner = request.program ?? (await locateRunner());
  const whole = await tokeniseDataset(request, work);
  const dataset = { ...whole, pairs: whole.pairs.slice(0, request.pairs) };
  const asked = { ...request.plan, epochs: 1, max_steps: 0 };
  const sharing = asked.sharing === 'none' ? 'pair' : asked.sharing;
  // Both sides have bins of the same length: what fits without sharing fits with it.
  const options = decidedPlan(dataset, { ...asked, sharing: 'none' }, request.autoCapacity);
  const shared = await planFor(dataset, { ...options, sharing }, work);
  const naive = await planFor(dataset, { ...options, sharing: 'none' }, work);

  const folder = await makeTemporaryFolder('wishbone-speedup-');
  try {
    const sharedFile = path.join(folder, 'shared.safetensors');
    const naiveFile = path.join(folder, 'naive.safetensors');
    await writePlan(sharedFile, shared);
    await writePlan(naiveFile, naive);
    const args = [
      'speedup',
      dataset.model.folder,
      sharedFile,
      naiveFile,
      '--rounds',
      String(request.rounds),
      ...runnerFlags(request.runner),
    ];
    const measured = await runRunner(runner, args, work);
    const backend = request.runner.backend === 'auto' ? autoBackend(await runnerBackends(runner)) : request.runner.backend;
    const device = backend === 'cpu' ? cpu(measured.ceilingFlops) : gpu(measured.device);
    const { predictedSpeedup } = planCost(shared, dataset.model.config, { device });
    return judge(measured, await summarise(dataset, shared, options.order, work), predictedSpeedup);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runRunner(runner: string, args: readonly string[], work: WorkOptions): Promise<RunnerResult> {
  work.signal?.throwIfAborted();
  // Loaded when needed, as in run/runner.ts.
  const { execa } = await import('execa');
  const subprocess = execa(...runnerCommand(runner, args), {
    reject: false,
    stdin: 'ignore',
    buffer: { stdout: false },
    ...(work.signal ? { cancelSignal: work.signal } : {}),
  });
  let result: RunnerResult | undefined;
  for await (const line of createInterface({ input: subprocess.stdout })) {
    const message = parseLine(line, runner);
    if (message.type === 'progress') {
      const { round, step, steps, rounds } = message;
      work.onProgress?.({ phase: 'measure', done: (round - 1) * steps + step, total: rounds * steps });
    } else {
      const { type: _, ...rest } = message;
      result = rest;
    }
  }
  const ended = await subprocess;
  work.signal?.throwIfAborted();
  if (ended.exitCode !== 0 || !result) throw runnerFailure(runner, ended.exitCode, ended.signal, ended.stderr);
  return result;
}

interface RunnerProgress {
  readonly type: 'progress';
  readonly round: number;
  readonly rounds: number;
  readonly step: number;
  readonly steps: number;
}

function parseLine(line: string, runner: string): RunnerProgress | (RunnerResult & { readonly type: 'result' }) {
  try {
    return JSON.parse(line) as RunnerProgress | (RunnerResult & { readonly type: 'result' });
  } catch {
    throw new WishboneError(
      `the runner printed something that is not JSON: ${line.slice(0, 80)}`,
      runner,
      'reinstall Wishbone',
      ExitCode.internal,
    );
  }
}

function runnerFailure(runner: string, code: number | undefined, signal: string | undefined, stderr: string): WishboneError {
  const said = parseRunnerError(stderr.split('\n'));
  const exitCode = Object.values(ExitCode).find((known) => known === code && known !== ExitCode.ok) ?? ExitCode.internal;
  if (said) return new WishboneError(said.what, said.where, said.advice, exitCode);
  const how = signal ? `killed by ${signal}` : `exit code ${code ?? 'unknown'}`;
  return new WishboneError(
    `the runner ended without a result (${how})`,
    runner,
    'if memory ran out, use fewer pairs or a smaller capacity',
    exitCode,
  );
}

function judge(measured: RunnerResult, plan: PlanSummary, predictedRatio: number): SpeedupResult {
  const { rounds, sharedFlops, naiveFlops, sharedTokens, naiveTokens, pairs, ceilingFlops } = measured;
  const sharedSeconds = median(rounds.map((round) => round.sharedSeconds));
  const naiveSeconds = median(rounds.map((round) => round.naiveSeconds));
  const ratios = rounds.map((round) => round.naiveSeconds / round.sharedSeconds);
  return {
    ...measured,
    ratio: naiveSeconds / sharedSeconds,
    ratioMin: Math.min(...ratios),
    ratioMax: Math.max(...ratios),
    tokenRatio: naiveTokens / sharedTokens,
    flopsRatio: naiveFlops / sharedFlops,
    predictedRatio,
    sharedSeconds,
    naiveSeconds,
    sharedPairsPerSecond: pairs / sharedSeconds,
    naivePairsPerSecond: pairs / naiveSeconds,
    sharedSpeedOfLight: sharedFlops / sharedSeconds / ceilingFlops,
    naiveSpeedOfLight: naiveFlops / naiveSeconds / ceilingFlops,
    plan,
  };
}

/** The middle value; the mean of the two middle ones of an even number. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}
