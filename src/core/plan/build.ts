import { additiveSeconds } from '../cost/index.js';
import { rowWhere } from '../dataset/index.js';
import { WishboneError } from '../errors.js';
import { forwardFlops, type LlamaShape } from '../model/flops.js';
import { Pace } from '../work/pace.js';
import type { WorkOptions } from '../work/progress.js';
import type { LayoutOptions } from '../options/index.js';
import type { TokenPair } from '../tokenizer/pair.js';
import { arrange, toUnit, type Bin, type PlacedTree, type Unit } from './arrange.js';
import type { Plan, PlanArrays } from './plan.js';
import { PrefixOrder } from './prefix-order.js';
import { Random } from './random.js';
import { requiredWork } from './required-work.js';
import { SIDES, type PrefixTree, type Segment, type Sequence } from './tree.js';

/** What a plan is made of. */
export interface PlanInput {
  /** Tokenised pairs in dataset order. */
  readonly pairs: readonly TokenPair[];
  readonly skipped: number;
  readonly truncated: number;
  /** The model's, for `bin_flops` and `vocab_size`. */
  readonly shape: LlamaShape;
  readonly sha256: { readonly dataset: string; readonly tokenizer: string };
  /** Named in errors. */
  readonly datasetFile: string;
}

/** A step's units, packed. */
interface Step {
  readonly units: readonly Unit[];
  readonly bins: readonly Bin[];
}

/** The most that the plan's indices can count. */
const MOST = 2 ** 31 - 1;

/**
 * Lays out the whole training: per epoch the pairs in an order decided by the seed, `batch_size` of them a step (the
 * last step of an epoch takes what is left), each step's pairs packed into bins; with `order` `prefix` pairs that have
 * much in common come into the same step. Which pairs make a step depends on neither sharing nor capacity. With `max_steps` there are as many epochs as it takes, the last one cut off, as
 * transformers' Trainer does.
 *
 * @throws WishboneError when there is no pair, a pair (with sharing `tree` a sequence) is longer than a bin, or the plan
 *   outgrows 32-bit indices
 */
export async function buildPlan(input: PlanInput, options: LayoutOptions, work: WorkOptions = {}): Promise<Plan> {
  const pace = new Pace(work);
  const total = pairsLaidOut(input.pairs.length, options);
  const pause = (): Promise<void> => pace.item(() => ({ phase: 'plan', done: 0, total }));
  const time = additiveSeconds(input.shape);
  const units: Unit[] = [];
  for (const [index, pair] of input.pairs.entries()) {
    units.push(toUnit(pair, index, options.sharing, time));
    await pause();
  }
  checkUnits(units, input, options);

  const byPrefix = options.order === 'prefix' ? await PrefixOrder.of(input.pairs, options.batch_size, pause) : undefined;
  const steps: Step[] = [];
  let tokens = 0;
  let targets = 0;
  for (let epoch = 0, pairs = 0; pairs < total; epoch++) {
    const random = new Random(options.seed, epoch);
    const order = byPrefix?.order(random) ?? random.order(units.length);
    for (let at = 0; at < order.length && pairs < total; at += options.batch_size) {
      const stepUnits = Array.from(order.subarray(at, at + options.batch_size), (index) => units[index] as Unit);
      const bins = await arrange(stepUnits, options, time, pause);
      steps.push({ units: stepUnits, bins });
      pairs += stepUnits.length;
      tokens = bins.reduce((sum, bin) => sum + bin.tokens, tokens);
      if (tokens > MOST) throw tooLarge('tokens', input);
      targets = stepUnits.reduce((sum, unit) => sum + unit.targets, targets);
      if (targets > MOST) throw tooLarge('targets', input);
      await pause();
    }
  }

  const writer = new PlanWriter(steps, input.shape);
  for (const step of steps) {
    const firstPair = writer.beginStep(step);
    for (const bin of step.bins) {
      writer.bin(bin, firstPair);
      await pace.item(() => ({ phase: 'plan', done: writer.pairs, total }));
    }
    writer.endStep();
  }
  const { sources, pairSource } = pairSources(input.pairs, writer.arrays.sequenceReference);
  let naive = 0;
  for (const { units: laidOut } of steps) for (const { pair } of laidOut) naive += pair.chosen.length + pair.rejected.length;
  return {
    ...writer.arrays,
    ...(pairSource ? { pairSource } : {}),
    metadata: {
      format: 'wishbone-plan',
      version: 1,
      sharing: options.sharing,
      capacity: options.capacity,
      batch_size: options.batch_size,
      epochs: total / units.length,
      seed: options.seed,
      max_length: options.max_length,
      vocab_size: input.shape.vocabSize,
      sha256: input.sha256,
      counts: {
        pairs: units.length,
        skipped: input.skipped,
        truncated: input.truncated,
        naive_tokens: naive,
        plan_tokens: writer.arrays.tokens.length,
      },
      ...(sources ? { sources } : {}),
    },
  };
}

/** What tells more places apart is no source but an id. */
export const MOST_SOURCES = 64;
/** The source of pairs that name none, when others do. */
export const NO_SOURCE = 'other';

/** Where the plan's pairs come from; nothing when all come from one place. */
function pairSources(
  pairs: readonly TokenPair[],
  sequenceReference: Int32Array,
): { readonly sources?: string[]; readonly pairSource?: Int32Array } {
  const numbers = new Map<string, number>();
  const own = pairs.map(({ source = NO_SOURCE }) => {
    const number = numbers.get(source) ?? numbers.size;
    numbers.set(source, number);
    return number;
  });
  if (numbers.size < 2 || numbers.size > MOST_SOURCES) return {};
  const pairSource = new Int32Array(sequenceReference.length / 2);
  for (let pair = 0; pair < pairSource.length; pair++) {
    pairSource[pair] = own[(sequenceReference[2 * pair] as number) >> 1] as number;
  }
  return { sources: [...numbers.keys()], pairSource };
}

function checkUnits(units: readonly Unit[], input: PlanInput, options: LayoutOptions): void {
  if (units.length === 0) {
    throw new WishboneError(
      `no pair can be used: all ${input.skipped} are cut before their responses begin`,
      input.datasetFile,
      `raise max_length (it is ${options.max_length})`,
    );
  }
  const longest = units.reduce((a, b) => (b.tokens > a.tokens ? b : a));
  if (longest.tokens > options.capacity) {
    const tooLong = units.filter((unit) => unit.tokens > options.capacity).length;
    const others = tooLong > 1 ? `; ${tooLong} pairs are too long, this one is the longest` : '';
    // With sharing `tree` the sequences of a pair may lie in two bins.
    const [what, safe] =
      options.sharing === 'tree' ? ['a sequence of the pair', options.capacity] : ['the pair', Math.floor(options.capacity / 2)];
    throw new WishboneError(
      `${what} needs ${longest.tokens} tokens, but a bin holds ${options.capacity}${others}`,
      rowWhere(input.datasetFile, longest.pair),
      `set capacity to at least ${longest.tokens}, or max_length (it is ${options.max_length}) to at most ${safe}`,
    );
  }
}

/** Pairs of all steps; one of a later epoch counts again. */
function pairsLaidOut(pairs: number, { epochs, max_steps: maxSteps = 0, batch_size: batch }: LayoutOptions): number {
  if (maxSteps === 0) return pairs * epochs;
  const stepsAnEpoch = Math.ceil(pairs / batch);
  const whole = Math.floor(maxSteps / stepsAnEpoch);
  return whole * pairs + (maxSteps - whole * stepsAnEpoch) * batch;
}

function tooLarge(what: string, input: PlanInput): WishboneError {
  return new WishboneError(
    `the plan would hold more ${what} than 32-bit indices can count`,
    input.datasetFile,
    'train fewer epochs or steps, or split the dataset',
  );
}

/** Fills the plan's arrays, step by step. */
class PlanWriter {
  readonly #shape: LlamaShape;
  readonly arrays: PlanArrays;
  /** Laid out so far. */
  pairs = 0;
  #steps = 0;
  #bins = 0;
  #tokens = 0;
  #targets = 0;
  #segments = 0;
  /** Counts the pairs that are trained on, in dataset order, by their index. */
  readonly #keys: ReadonlyMap<number, number>;

  constructor(steps: readonly Step[], shape: LlamaShape) {
    this.#shape = shape;
    const sum = (value: (bin: Bin) => number): number =>
      steps.reduce((total, step) => step.bins.reduce((inStep, bin) => inStep + value(bin), total), 0);
    const bins = sum(() => 1);
    const tokens = sum((bin) => bin.tokens);
    const segments = sum((bin) => bin.segments);
    const ofUnits = (value: (unit: Unit) => number): number =>
      steps.reduce((total, step) => step.units.reduce((inStep, unit) => inStep + value(unit), total), 0);
    const targets = ofUnits((unit) => unit.targets);
    const pairs = ofUnits(() => 1);
    this.arrays = {
      binFlops: new Float64Array(bins),
      stepBinStart: new Int32Array(steps.length + 1),
      stepPairStart: new Int32Array(steps.length + 1),
      binStart: new Int32Array(bins + 1),
      tokens: new Int32Array(tokens),
      position: new Int32Array(tokens),
      visibleUntil: new Int32Array(tokens),
      targetStart: new Int32Array(bins + 1),
      targetRow: new Int32Array(targets),
      targetToken: new Int32Array(targets),
      targetSequence: new Int32Array(targets),
      pairChosen: new Int32Array(pairs),
      pairRejected: new Int32Array(pairs),
      pairRow: new Int32Array(pairs),
      sequenceReference: new Int32Array(2 * pairs),
      segmentStart: new Int32Array(bins + 1),
      segmentBegin: new Int32Array(segments),
      segmentEnd: new Int32Array(segments),
      segmentParent: new Int32Array(segments),
      segmentRole: new Int32Array(segments),
      segmentPair: new Int32Array(segments),
    };
    const used = new Set(steps.flatMap((step) => step.units.map(({ index }) => index)));
    this.#keys = new Map([...used].sort((a, b) => a - b).map((index, key) => [index, key]));
  }

  /** @returns the step's first pair */
  beginStep(step: Step): number {
    const { arrays } = this;
    const firstPair = this.pairs;
    for (const unit of step.units) {
      const pair = this.pairs++;
      arrays.pairChosen[pair] = 2 * pair;
      arrays.pairRejected[pair] = 2 * pair + 1;
      arrays.pairRow[pair] = unit.pair.row;
      const key = this.#keys.get(unit.index) as number;
      arrays.sequenceReference[2 * pair] = 2 * key;
      arrays.sequenceReference[2 * pair + 1] = 2 * key + 1;
    }
    return firstPair;
  }

  endStep(): void {
    const { arrays } = this;
    this.#steps++;
    arrays.stepBinStart[this.#steps] = this.#bins;
    arrays.stepPairStart[this.#steps] = this.pairs;
  }

  bin(bin: Bin, stepPair: number): void {
    const { arrays } = this;
    const start = this.#tokens;
    const firstSegment = this.#segments;
    for (const { tree, firstPair } of bin.trees()) {
      const pair = stepPair + firstPair;
      const rows = this.#tree({ tree, firstPair: pair }, start, firstSegment);
      tree.sequences.forEach((_, index) => this.#sequence(tree, index, rows, pair));
    }
    arrays.binStart[this.#bins + 1] = this.#tokens;
    arrays.targetStart[this.#bins + 1] = this.#targets;
    arrays.segmentStart[this.#bins + 1] = this.#segments;
    arrays.binFlops[this.#bins] = forwardFlops(this.#shape, requiredWork(arrays, this.#bins));
    this.#bins++;
  }

  /** Lays a tree out depth first. @returns the bin-local row at which each segment begins */
  #tree({ tree, firstPair }: PlacedTree, binStart: number, firstSegment: number): number[] {
    const { arrays } = this;
    const { segments } = tree;
    const treeSegment = this.#segments - firstSegment;
    const rows: number[] = [];
    let row = this.#tokens - binStart;
    for (const segment of segments) {
      rows.push(row);
      row += segment.end - segment.begin;
    }
    rows.push(row);
    segments.forEach((segment, index) => {
      const length = segment.end - segment.begin;
      const visibleUntil = rows[segment.subtreeEnd] as number;
      arrays.tokens.set(segment.source.subarray(segment.begin, segment.end), this.#tokens);
      for (let i = 0; i < length; i++) arrays.position[this.#tokens + i] = segment.begin + i;
      arrays.visibleUntil.fill(visibleUntil, this.#tokens, this.#tokens + length);
      this.#tokens += length;
      arrays.segmentBegin[this.#segments] = rows[index] as number;
      arrays.segmentEnd[this.#segments] = (rows[index] as number) + length;
      arrays.segmentParent[this.#segments] = segment.parent < 0 ? -1 : treeSegment + segment.parent;
      arrays.segmentRole[this.#segments] = segment.role;
      arrays.segmentPair[this.#segments] = segment.pair < 0 ? -1 : firstPair + segment.pair;
      this.#segments++;
    });
    return rows;
  }

  /** Lists a sequence's targets. */
  #sequence(tree: PrefixTree, index: number, rows: readonly number[], firstPair: number): void {
    const { arrays } = this;
    const { tokens, promptLength, side, pair } = tree.sequences[index] as Sequence;
    const id = 2 * (firstPair + pair) + SIDES.indexOf(side);
    for (const segment of tree.paths[index] as readonly number[]) {
      const { begin, end } = tree.segments[segment] as Segment;
      // The token at depth d scores the one at d + 1, which may lie in a child.
      const first = Math.max(begin, promptLength - 1);
      const last = Math.min(end, tokens.length - 1);
      for (let depth = first; depth < last; depth++) {
        arrays.targetRow[this.#targets] = (rows[segment] as number) + (depth - begin);
        arrays.targetToken[this.#targets] = tokens[depth + 1] as number;
        arrays.targetSequence[this.#targets] = id;
        this.#targets++;
      }
    }
  }
}
