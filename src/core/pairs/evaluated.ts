import { createHash } from 'node:crypto';
import path from 'node:path';
import { WishboneError } from '../errors.js';
import { binCount, type Plan, readPlan } from '../plan/index.js';
import { EVAL_PLAN_FILE } from '../run/folder.js';
import { PairOfSequence, sequencesOf } from '../inspect/sequences.js';
import { PAIR_RECORD_FILE, PAIR_VALUES, PairRecord } from './record.js';

/** The pairs of a run's latest recorded evaluation. */
export interface EvaluatedPairs {
  /** Steps done. */
  readonly step: number;
  readonly plan: Plan;
  /** [P · 5] `PAIR_VALUES` a pair of the plan */
  readonly values: Float32Array;
}

/**
 * @param folder of the run
 * @returns undefined when there is none: the run does not evaluate, has not come so far, or recorded nothing of its pairs
 * @throws WishboneError when plan or record cannot be read, or are not of one run
 */
export async function readLatestEvaluation(folder: string): Promise<EvaluatedPairs | undefined> {
  const file = path.join(folder, PAIR_RECORD_FILE);
  const record = await PairRecord.open(file);
  if (record === undefined) return undefined;
  try {
    if (record.plans.evaluation === undefined) return undefined;
    let latest: { step: number; values: Float32Array } | undefined;
    for await (const { kind, step, values } of record.blocks(({ kind }) => kind === 'evaluation')) {
      if (kind === 'evaluation') latest = { step, values };
    }
    if (latest === undefined) return undefined;
    const plan = await readPlan(path.join(folder, EVAL_PLAN_FILE));
    if (latest.values.length !== plan.pairRow.length * PAIR_VALUES) {
      throw new WishboneError('the record is of other pairs than the plan', file, 'restore the files of the run as they were');
    }
    return { ...latest, plan };
  } finally {
    await record.close();
  }
}

/** Where pairs of two evaluations are the same: for each the place in the first and in the second. */
export interface CommonPairs {
  readonly first: Int32Array;
  readonly second: Int32Array;
}

/**
 * The pairs that two evaluations have in common: by their rows, where both are of the same dataset and no row has two; else by their
 * tokens.
 *
 * @returns undefined when that cannot be told: other datasets, and other tokenizers
 */
export function commonPairs(a: Plan, b: Plan): CommonPairs | undefined {
  if (a.metadata.sha256.dataset === b.metadata.sha256.dataset) {
    const [rowsA, rowsB] = [a, b].map(({ pairRow }) => [...pairRow].map(String)) as [string[], string[]];
    if (new Set(rowsA).size === rowsA.length && new Set(rowsB).size === rowsB.length) return matched(rowsA, rowsB);
  }
  if (a.metadata.sha256.tokenizer !== b.metadata.sha256.tokenizer) return undefined;
  return matched(contents(a), contents(b));
}

/** Of pairs that are there twice, the first with the first. */
function matched(a: readonly string[], b: readonly string[]): CommonPairs {
  const places = new Map<string, number[]>();
  b.forEach((key, place) => {
    const known = places.get(key);
    if (known === undefined) places.set(key, [place]);
    else known.push(place);
  });
  const first: number[] = [];
  const second: number[] = [];
  a.forEach((key, place) => {
    const other = places.get(key)?.shift();
    if (other === undefined) return;
    first.push(place);
    second.push(other);
  });
  return { first: Int32Array.from(first), second: Int32Array.from(second) };
}

/** A hash of each pair's two sequences. */
function contents(plan: Plan): string[] {
  const owners = new PairOfSequence(plan);
  const hashes: string[] = Array.from({ length: plan.sequenceReference.length }, () => '');
  for (let bin = 0; bin < binCount(plan); bin++) {
    const start = plan.binStart[bin]!;
    for (const { sequence, promptLength, rows } of sequencesOf(plan, owners, bin)) {
      const tokens = rows.map((row) => plan.tokens[start + row]!);
      hashes[sequence] = createHash('sha256').update(tokens).update(String(promptLength)).digest('base64');
    }
  }
  return Array.from(plan.pairChosen, (chosen, pair) => `${hashes[chosen]} ${hashes[plan.pairRejected[pair]!]}`);
}
