import {
  allReduceSeconds,
  type Cluster,
  counterpartsSeconds,
  halfReduceSeconds,
  LOST_BESIDE,
  NCCL_BYTES,
  NVLINK,
} from '../cost/communication.js';
import type { LlamaShape } from '../model/index.js';
import type { RunnerOptions, TrainingOptions } from '../options/index.js';
import type { PlanSummary } from '../prepare/index.js';
import type { MemoryForecast } from './memory.js';
import { type RunTime, trainedOf } from './run-time.js';

/** What so many cards of one machine would make of a run. */
export interface CardForecast {
  readonly cards: number;
  /** Of the whole run. */
  readonly seconds: number;
  /** Of a step: what the cards send each other, and how much of that no computing hides. */
  readonly communication: number;
  readonly exposed: number;
  /** Of a step: how much longer computing takes beside the rest. */
  readonly slowed: number;
  /** What is kept in parts. */
  readonly shard: Exclude<RunnerOptions['shard'], 'auto'>;
  /** Peak memory of a card, bytes; undefined where the runner was not asked. */
  readonly memory: number | undefined;
  readonly fits: boolean | undefined;
}

export interface CardsRequest {
  readonly summary: Pick<PlanSummary, 'steps' | 'bins' | 'pairs' | 'epochs' | 'parameters'>;
  readonly training: TrainingOptions;
  readonly runner: Pick<RunnerOptions, 'shard' | 'offload'>;
  readonly shape: LlamaShape;
  /** The run on one card. */
  readonly time: RunTime;
  /** What of a step every card does, whatever their number, where nothing is sharded: seconds. */
  readonly stepSeconds: number;
  readonly memory: MemoryForecast | undefined;
}

const CARDS = [1, 2, 4, 8] as const;
export { NVLINK as CARDS_CONNECTION };

const SHARDS = ['none', 'optimizer', 'gradients', 'parameters'] as const;
/** Part of a card's memory that may be planned. */
const PLANNABLE = 0.92;
const GRADIENT_BYTES = 4;
const WEIGHT_BYTES = 2;
/** A card that waits for a layer's parameters holds those of two layers whole. */
const LAYERS_AT_HAND = 2;
/** Of the time of a bin that is trained on, what its backward pass takes: gradients are summed beside it. */
const BACKWARD_SHARE = 2 / 3;

/** What 1, 2, 4 and 8 cards would take, with the bins of each step dealt out evenly. */
export function cardForecasts(request: CardsRequest): readonly CardForecast[] {
  return CARDS.map((cards) => cardForecast(request, { hosts: 1, perHost: cards }));
}

/** The same for any number of cards and machines. */
export function cardForecast(request: CardsRequest, cluster: Cluster): CardForecast {
  const { summary, training, shape, time, memory } = request;
  const cards = cluster.hosts * cluster.perHost;
  // What is shared out is shared out within a machine.
  const shard = cluster.perHost === 1 ? 'none' : shardOf(request, cluster);
  const trained = trainedOf({ parameters: summary.parameters, shape }, training);
  const binsAStep = summary.bins / summary.steps;
  const pairsAStep = (summary.pairs * summary.epochs) / summary.steps;
  // No card has less than one pair.
  const parts = Math.min(cards, Math.max(1, pairsAStep));
  const train = time.seconds.train ?? 0;
  const own = Math.min(request.stepSeconds, train / summary.steps);
  const computing = (train / summary.steps - own) / parts;
  const update = own / (shard === 'none' ? 1 : cluster.perHost);
  const bins = Math.max(1, binsAStep / parts);
  const { beside, between, gathered } =
    cards === 1 ? NOTHING : communicationOf(trained, summary.parameters, Math.max(1, binsAStep / cards), shard, cluster);
  const behind = computing * hiding(shard, bins);
  const last = lastBucket(training, shape, trained);
  const summed = beside + between;
  // What goes between machines goes once, beside the last bin.
  const late = between - (computing * BACKWARD_SHARE) / bins;
  const exposed = Math.max(summed - behind, late, summed * last) + Math.max(gathered - update, gathered * last);
  const slowed = LOST_BESIDE * Math.max(0, summed - exposed);
  const communication = summed + gathered;
  const step = computing + update + exposed + slowed;
  // Passes over the plan that are no steps are dealt out likewise.
  const shared = ((time.seconds.reference ?? 0) + (time.seconds.evaluation ?? 0)) * (1 - 1 / parts);
  return {
    cards,
    seconds: time.total - train - shared + step * summary.steps,
    communication,
    exposed,
    slowed,
    shard,
    memory: memory === undefined ? undefined : memoryOf(memory, request, cluster, shard),
    fits: memory?.deviceBytes === undefined ? undefined : memoryOf(memory, request, cluster, shard) <= PLANNABLE * memory.deviceBytes,
  };
}

/** What was asked for, or the least that fits. */
function shardOf(request: CardsRequest, cluster: Cluster): CardForecast['shard'] {
  const { runner, memory } = request;
  if (runner.shard !== 'auto') return runner.shard;
  const { deviceBytes } = memory ?? {};
  if (memory === undefined || deviceBytes === undefined) return 'none';
  return SHARDS.find((shard) => memoryOf(memory, request, cluster, shard) <= PLANNABLE * deviceBytes) ?? 'parameters';
}

function memoryOf(
  memory: MemoryForecast,
  { training, runner, shape }: Pick<CardsRequest, 'training' | 'runner' | 'shape'>,
  { hosts, perHost }: Cluster,
  shard: CardForecast['shard'],
): number {
  // Gradients, master weights (4 bytes each), and two moments; the latter two may be elsewhere.
  const kinds = training.adam_moments === 'bfloat16' ? 3 : 4;
  const gradients = memory.optimizer / (runner.offload === 'optimizer' ? 1 : kinds);
  const spared = (bytes: number): number => bytes * (1 - 1 / perHost);
  const at = SHARDS.indexOf(shard);
  const layers = Math.max(0, 1 - LAYERS_AT_HAND / shape.layers);
  return (
    memory.bytes +
    // Within machines and between them.
    (hosts * perHost === 1 ? 0 : hosts > 1 && at >= 1 ? 2 * NCCL_BYTES : NCCL_BYTES) -
    (at >= 1 ? spared(memory.optimizer - gradients) : 0) -
    (at >= 2 ? spared(gradients) : 0) -
    (at >= 3 ? spared(memory.weights) * layers : 0)
  );
}

/** Seconds of a step that devices send each other: beside computing, and new weights beside the update of others. */
interface Communication {
  readonly beside: number;
  /** The same between machines, of parts. */
  readonly between: number;
  readonly gathered: number;
}

/**
 * What share of all has nothing to hide behind: the gradient of the embedding is complete when the backward pass is over, and its
 * weights are updated last. An adapter is a bucket as a whole.
 */
function lastBucket({ use_peft }: TrainingOptions, { vocabSize, hiddenSize }: LlamaShape, trained: number): number {
  return use_peft ? 1 : Math.min(1, (vocabSize * hiddenSize) / trained);
}

const NOTHING: Communication = { beside: 0, between: 0, gathered: 0 };

/** What part of a step's computing communication goes on beside (docs/architecture.md, "What ranks share out"). */
function hiding(shard: CardForecast['shard'], bins: number): number {
  switch (shard) {
    case 'none':
    case 'optimizer':
      // Gradients are summed while the last bin's backward pass goes on.
      return BACKWARD_SHARE / bins;
    case 'gradients':
      return BACKWARD_SHARE;
    case 'parameters':
      return 1;
  }
}

/** @param bins of a card in a step */
function communicationOf(trained: number, parameters: number, bins: number, shard: CardForecast['shard'], cluster: Cluster): Communication {
  const gradients = trained * GRADIENT_BYTES;
  const half = (bytes: number): number => halfReduceSeconds(bytes, cluster.perHost);
  const gathered = half(trained * WEIGHT_BYTES);
  const between = counterpartsSeconds(gradients, cluster);
  switch (shard) {
    case 'none':
      return { beside: allReduceSeconds(gradients, cluster), between: 0, gathered: 0 };
    case 'optimizer':
      return { beside: half(gradients), between, gathered };
    case 'gradients':
      return { beside: bins * half(gradients), between, gathered };
    case 'parameters':
      // Weights are brought for the forward and the backward pass of each bin.
      return { beside: bins * (half(gradients) + 2 * half(parameters * WEIGHT_BYTES)), between, gathered: 0 };
  }
}
