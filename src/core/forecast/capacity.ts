import path from 'node:path';

import { WishboneError } from '../errors.js';
import { inspectModel } from '../model/index.js';
import {
  DEFAULT_PLAN,
  LEAST_CAPACITY,
  optionRow,
  type RecomputedLayers,
  type RunnerOptions,
  type TrainingOptions,
} from '../options/index.js';
import { buildPlan, type Plan, writePlan } from '../plan/index.js';
import type { PlanSummary } from '../prepare/index.js';
import { newRunConfig } from '../run/folder.js';
import { autoBackend, type BackendInfo, runnerBackends } from '../runner/runner-info.js';
import { type MemoryForecast, PlanScratch } from './memory.js';

/**
 * Bins that a GPU is asked whether it has room for, longest first. Longer ones are no faster (docs/benchmarks.md), and shorter
 * ones slower: a bin that is too short leaves a GPU's kernels without work. 132, the multiprocessors of an H100 or H200, times 128 rows
 * of a product's tile, and halves of that: each multiprocessor has as many tiles as the others.
 */
const CAPACITIES = [16896, 8448, 4224] as const;
/** Of a GPU's memory, so much may be planned: what else is on it, and what fragments, is not known. */
const PLANNABLE = 0.92;
/** Tokens of the trees of a bin that memory is asked about, two thirds of them responses: more than nearly any dataset has. */
const TREE_PROMPT = 42;
const TREE_RESPONSE = 43;
const TREE = TREE_PROMPT + 2 * TREE_RESPONSE;

/** A run whose bins may be as long as suits its device. */
export interface CapacityRequest {
  /** Folder of the model. */
  readonly model: string;
  readonly training: TrainingOptions;
  readonly runner: RunnerOptions;
}

/** What the answer is found with. */
export interface CapacityMeans {
  readonly backends: () => Promise<readonly BackendInfo[]>;
  /** Peak memory of a run of this plan; throws where the runner cannot say. */
  readonly memory: (request: CapacityRequest, plan: Plan) => Promise<MemoryForecast>;
}

const found = new Map<string, Promise<number>>();

/**
 * What a bin may hold where `capacity` is "auto": on a GPU the longest that the memory plan leaves room for, on a CPU
 * {@link LEAST_CAPACITY}. What cannot be found out is taken for the least: it always was enough.
 */
export async function suitedCapacity(request: CapacityRequest, means: Partial<CapacityMeans> = {}): Promise<number> {
  if (request.runner.backend === 'cpu') return LEAST_CAPACITY;
  const { backends = runnerBackends, memory = memoryOf } = means;
  if (request.runner.backend === 'auto' && autoBackend(await backends()) !== 'cuda') return LEAST_CAPACITY;
  if (memory !== memoryOf) return longestThatFits(request, memory);
  const key = keyOf(request);
  let answer = found.get(key);
  if (answer === undefined) found.set(key, (answer = longestThatFits(request, memory)));
  // Asked again where the runner could not say: it may be set up by then.
  if ((await answer) === LEAST_CAPACITY) found.delete(key);
  return answer;
}

/** Equal for runs that take as much memory. */
function keyOf({ model, training, runner }: CapacityRequest, tokens?: number): string {
  const taking = Object.entries(training).filter(([name]) => optionRow(`training.${name}`)?.noMemory !== true);
  return JSON.stringify([path.resolve(model), taking, runner, tokens]);
}

async function longestThatFits(request: CapacityRequest, memory: CapacityMeans['memory']): Promise<number> {
  const { runner } = request;
  for (const { capacity, recompute } of tries(runner.recompute)) {
    try {
      const asked = { ...request, runner: { ...runner, recompute } };
      const { bytes, deviceBytes, fits } = await memory(asked, await fullBin(request.model, capacity));
      if (deviceBytes === undefined) break;
      if (fits !== false && bytes <= PLANNABLE * deviceBytes) return capacity;
    } catch (error) {
      // Whatever is wrong with the model or the runner is said where it is used.
      if (error instanceof WishboneError) break;
      throw error;
    }
  }
  return LEAST_CAPACITY;
}

/** Shorter bins cost less than activations computed again: with `auto` those are for what would not fit otherwise. */
function tries(recompute: RunnerOptions['recompute']): readonly { readonly capacity: number; readonly recompute: typeof recompute }[] {
  if (recompute !== 'auto') return CAPACITIES.map((capacity) => ({ capacity, recompute }));
  const without = CAPACITIES.map((capacity) => ({ capacity, recompute: 'none' as const }));
  return [...without, { capacity: Math.min(...CAPACITIES), recompute: 'block' }];
}

const NOTHING_AGAIN: RecomputedLayers = { layers: 0, mlp: 0, block: 0 };
const chosen = new Map<string, Promise<RecomputedLayers | undefined>>();

/**
 * What `recompute` `auto` comes to on this machine's GPU in a run with such bins.
 *
 * @returns undefined where it is not `auto`, and where the runner cannot say
 */
export function chosenRecompute(
  request: CapacityRequest,
  { capacity, planTokens, bins, slowestOverMean }: Pick<PlanSummary, 'capacity' | 'planTokens' | 'bins' | 'slowestOverMean'>,
): Promise<RecomputedLayers | undefined> {
  const tokens = Math.min(capacity, TREE * Math.ceil((planTokens / bins) * (slowestOverMean / TREE)));
  if (request.runner.recompute !== 'auto' || tokens < TREE) return Promise.resolve(undefined);
  const key = keyOf(request, tokens);
  let answer = chosen.get(key);
  if (answer === undefined) {
    chosen.set(key, (answer = askForRecompute(request, tokens)));
    void answer.then((known) => known === undefined && chosen.delete(key));
  }
  return answer;
}

async function askForRecompute(request: CapacityRequest, tokens: number): Promise<RecomputedLayers | undefined> {
  // Bins longer than the shortest are chosen where nothing has to be computed again.
  const suited = await found.get(keyOf(request));
  if (suited !== undefined && suited > Math.min(...CAPACITIES) && tokens <= suited) return NOTHING_AGAIN;
  try {
    return (await memoryOf(request, await fullBin(request.model, tokens))).recompute;
  } catch (error) {
    if (error instanceof WishboneError) return undefined;
    throw error;
  }
}

/** A plan of one step with one bin of so many tokens, which the model's vocabulary has. */
export async function fullBin(model: string, capacity: number): Promise<Plan> {
  const { config } = await inspectModel(model, { tokenizer: false });
  const token = (i: number): number => i % config.vocabSize;
  const sequence = (side: number): Int32Array =>
    Int32Array.from({ length: TREE_PROMPT + TREE_RESPONSE }, (_, i) => token(i < TREE_PROMPT ? i : i + side));
  const pair = { chosen: sequence(1), rejected: sequence(2), promptLength: TREE_PROMPT };
  const pairs = Array.from({ length: capacity / TREE }, (_, row) => ({ ...pair, row, line: row + 1 }));
  return buildPlan(
    {
      pairs,
      skipped: 0,
      truncated: 0,
      shape: config,
      sha256: { dataset: NO_HASH, tokenizer: NO_HASH },
      datasetFile: model,
    },
    { ...DEFAULT_PLAN, capacity, batch_size: pairs.length },
  );
}

const NO_HASH = '0'.repeat(64);

/** Asks the runner. @throws WishboneError with the runner's own error */
export async function memoryOf({ model, training, runner }: CapacityRequest, plan: Plan): Promise<MemoryForecast> {
  const scratch = new PlanScratch();
  try {
    await writePlan(await scratch.planFile(), plan);
    const { capacity } = plan.metadata;
    const config = newRunConfig({
      dataset: { path: path.resolve(model), sha256: NO_HASH, format: 'trl-explicit', pairs: plan.metadata.counts.pairs },
      model: { path: path.resolve(model) },
      plan: { ...DEFAULT_PLAN, capacity },
      // Nothing is evaluated here, which would have to be there.
      training: { ...training, eval_steps: 0, load_best_model_at_end: false, early_stopping_patience: 0, sft_steps: 0 },
      runner,
    });
    return await scratch.memory(config, new AbortController().signal);
  } finally {
    await scratch.dispose();
  }
}
