import path from 'node:path';
import { WishboneError } from '../errors.js';
import { type PlanPairs, readPlanPairs } from '../plan/index.js';
import { EVAL_PLAN_FILE, PLAN_FILE } from '../run/folder.js';
import { readRun } from '../run/index.js';
import { placeOfFile } from './file-place.js';
import { samePairs } from './gather.js';
import { PAIR_RECORD_FILE, PAIR_VALUES, PairRecord } from './record.js';
import { NO_RECORD_ADVICE, type PairsOf, startsAtReference } from './table.js';

/** What a pair came to at a step, or an evaluation. */
export interface CurvePoint {
  /** Steps done: of a step itself among them. */
  readonly step: number;
  readonly margin: number;
  readonly rewardChosen: number;
  readonly rewardRejected: number;
  /** Mean margin of all pairs of that step or evaluation. */
  readonly around: number;
}

export interface PairCurve {
  readonly of: PairsOf;
  /** 0-based, counted through the dataset's files. */
  readonly row: number;
  /** Of the row's pairs, from 0. */
  readonly nth: number;
  readonly points: readonly CurvePoint[];
  /** The margin was 0 before training. */
  readonly startsAtZero: boolean;
}

/** A pair: by its row in the dataset, or where a file is given in that; of what a run trains on or evaluates, or whichever has it. */
export interface CurveRequest {
  /** Of the run. */
  readonly folder: string;
  readonly of?: PairsOf | undefined;
  readonly file?: string | undefined;
  readonly row: number;
  readonly nth: number;
}

/**
 * How the margin of a pair went through a run.
 *
 * @throws WishboneError when the run has no record, or no such pair in it
 */
export async function readPairCurve({ folder: given, of, file, row, nth }: CurveRequest): Promise<PairCurve> {
  const { folder, config } = await readRun(given);
  const recordFile = path.join(folder, PAIR_RECORD_FILE);
  const record = await PairRecord.open(recordFile);
  if (record === undefined) throw new WishboneError('the run has no record of its pairs', recordFile, NO_RECORD_ADVICE);
  const startsAtZero = startsAtReference(config);
  try {
    for (const each of of === undefined ? (['train', 'evaluation'] as const) : [of]) {
      const dataset = each === 'train' ? config.dataset : config.eval_dataset;
      const from = file === undefined ? 0 : placeOfFile(dataset, file)?.from;
      if (from === undefined || (each === 'evaluation' && record.plans.evaluation === undefined)) continue;
      const plan = await readPlanPairs(path.join(folder, each === 'train' ? PLAN_FILE : EVAL_PLAN_FILE));
      const points = await pointsOf(record, plan, each, from + row, nth);
      if (points.length > 0) return { of: each, row: from + row, nth, points, startsAtZero };
    }
  } finally {
    await record.close();
  }
  throw new WishboneError(`nothing was recorded of the pair in row ${row + 1}`, recordFile, 'choose a pair that the run has seen');
}

async function pointsOf(record: PairRecord, plan: PlanPairs, of: PairsOf, row: number, nth: number): Promise<CurvePoint[]> {
  const key = (pair: number): number => plan.sequenceReference[plan.pairChosen[pair]!]!;
  const same = samePairs(plan);
  const own: number[] = [];
  plan.pairRow.forEach((each, pair) => each === row && same[pair] === pair && own.push(pair));
  const wanted = own.sort((a, b) => key(a) - key(b))[nth];
  const places = new Set<number>();
  if (wanted !== undefined) same.forEach((first, pair) => first === wanted && places.add(pair));
  const points: CurvePoint[] = [];
  const kind = of === 'train' ? 'step' : 'evaluation';
  const has = (first: number, count: number): boolean => [...places].some((pair) => pair >= first && pair < first + count);
  for await (const { step, first, count, values } of record.blocks((head) => head.kind === kind && has(head.first, head.count))) {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += values[i * PAIR_VALUES + 2]!;
    for (const pair of places) {
      if (pair < first || pair >= first + count) continue;
      const at = (pair - first) * PAIR_VALUES;
      const [rewardChosen, margin] = [values[at + 1]!, values[at + 2]!];
      points.push({ step, margin, rewardChosen, rewardRejected: rewardChosen - margin, around: sum / count });
    }
  }
  return points;
}
