import path from 'node:path';
import { WishboneError } from '../errors.js';
import { readPlanPairs } from '../plan/index.js';
import { PLAN_FILE } from '../run/folder.js';
import { readRun } from '../run/index.js';
import { samePairs } from './gather.js';
import type { PairRow } from './pair-row.js';
import { placeOf } from './place.js';
import { PAIR_RECORD_FILE, PAIR_VALUES, PairRecord } from './record.js';
import { type PairsOf, readPairTable } from './table.js';
import { PAIR_VIEWS, type PairViewName, sorted } from './views.js';

/** Which pairs of a run are listed, and how many at most. */
export interface PairListRequest {
  /** Of the run. */
  readonly folder: string;
  readonly of: PairsOf;
  /** Undefined: all, the one whose margin fell furthest first. */
  readonly view?: PairViewName | undefined;
  /** Of those trained on, only the ones of this step. */
  readonly step?: number | undefined;
  readonly most: number;
}

/** A pair in a list. What is not known, or is no number, is undefined. */
export interface ListedPair extends Pick<PairRow, 'row' | 'nth' | 'source' | 'seen' | 'step' | 'chosenTokens' | 'rejectedTokens'> {
  readonly file: string | undefined;
  /** From 1, in that file. */
  readonly fileRow: number;
  readonly start: number | undefined;
  readonly now: number | undefined;
  readonly change: number | undefined;
  readonly loss: number | undefined;
  readonly evidence: number | undefined;
  /** Margin at the step that was asked for. */
  readonly atStep: number | undefined;
}

export interface PairList {
  /** Pairs that there are, of which so many are in the list, of which `pairs` are the first. */
  readonly seen: number;
  readonly found: number;
  readonly pairs: readonly ListedPair[];
}

/**
 * The first pairs of a view on a run's pairs, or of one of its steps.
 *
 * @throws WishboneError when the run has no record, or none of such a step
 */
export async function listPairs({ folder, of, view, step, most }: PairListRequest): Promise<PairList> {
  const { config } = await readRun(folder);
  const table = await readPairTable(folder, config, of);
  const margins = step === undefined || of !== 'train' ? undefined : await marginsAt(folder, step);
  const all = view === undefined ? sorted(table.pairs, ({ change = NaN }) => change) : PAIR_VIEWS[view].select(table);
  const found = margins === undefined ? all : all.filter(({ pair }) => margins.has(pair));
  const dataset = of === 'evaluation' ? config.eval_dataset : config.dataset;
  const pairs = found.slice(0, most).map((pair): ListedPair => {
    const { row, nth, source, seen, chosenTokens, rejectedTokens } = pair;
    return {
      ...{ row, nth, source, seen, step: pair.step, chosenTokens, rejectedTokens },
      ...placeOf(dataset, row),
      start: finite(pair.start),
      now: finite(pair.now),
      change: finite(pair.change),
      loss: finite(pair.loss),
      evidence: finite(pair.evidence),
      atStep: finite(margins?.get(pair.pair)),
    };
  });
  return { seen: table.pairs.length, found: found.length, pairs };
}

/** Margins of the pairs of a step, by the plan's number of a pair as in `PairRow.pair`. */
async function marginsAt(folder: string, step: number): Promise<Map<number, number>> {
  const file = path.join(folder, PAIR_RECORD_FILE);
  const record = await PairRecord.open(file);
  const margins = new Map<number, number>();
  if (record === undefined) return margins;
  try {
    const same = samePairs(await readPlanPairs(path.join(folder, PLAN_FILE)));
    for await (const { first, count, values } of record.blocks((head) => head.kind === 'step' && head.step === step)) {
      for (let i = 0; i < count; i++) margins.set(same[first + i]!, values[i * PAIR_VALUES + 2]!);
    }
  } finally {
    await record.close();
  }
  if (margins.size === 0) {
    throw new WishboneError(`nothing was recorded of step ${step}`, file, 'choose a step that the run has done');
  }
  return margins;
}

function finite(value: number | undefined): number | undefined {
  return value !== undefined && Number.isFinite(value) ? value : undefined;
}
