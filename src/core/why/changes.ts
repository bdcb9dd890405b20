import path from 'node:path';
import { WishboneError } from '../errors.js';
import { anyLoss, lossesOf } from '../options/index.js';
import { samePairs } from '../pairs/gather.js';
import { PAIR_RECORD_FILE, PAIR_VALUES, PairRecord } from '../pairs/record.js';
import { NO_RECORD_ADVICE, PER_TOKEN, type PairsOf, startsAtReference } from '../pairs/table.js';
import { type PlanPairs, readPlanPairs } from '../plan/index.js';
import { EVAL_PLAN_FILE, PLAN_FILE } from '../run/folder.js';
import type { RunConfig } from '../run/index.js';

/** How the log-probabilities of a pair's responses changed, in nats, summed over a response's tokens. */
export interface PairChange {
  /** The plan's number of the pair; of its first, where several epochs have it. */
  readonly pair: number;
  /** 0-based row of the dataset, counted through its files. */
  readonly row: number;
  readonly source: string | undefined;
  /** Tokens of the responses. */
  readonly chosenTokens: number;
  readonly rejectedTokens: number;
  readonly chosen: number;
  readonly rejected: number;
  /** Log-probability of the chosen response before, per token. */
  readonly before: number;
}

/** What changes are measured from: the reference, where training began there, else when a pair was first seen. */
export type ChangeStart = 'reference' | 'first-seen';

export interface PairChanges {
  readonly of: PairsOf;
  readonly start: ChangeStart;
  /** Steps done when the last of these pairs was seen. */
  readonly step: number;
  /** Steps that are the end of the run: pairs trained on are those last seen after this many. */
  readonly after: number;
  /** Pairs with a record, also those whose change is not known. */
  readonly seen: number;
  readonly pairs: readonly PairChange[];
}

/** Of pairs trained on, those last seen in this part of the steps tell how the run ended. */
const END_SHARE = 0.25;

/**
 * How far the responses of a run's pairs have come, from its record.
 *
 * @param folder of the run
 * @throws WishboneError when the run has no record, none of such pairs, or it is not of the run's plan
 */
export async function pairChanges(folder: string, config: RunConfig, of: PairsOf): Promise<PairChanges> {
  const file = path.join(folder, PAIR_RECORD_FILE);
  const record = await PairRecord.open(file);
  if (record === undefined) throw new WishboneError('the run has no record of its pairs', file, NO_RECORD_ADVICE);
  try {
    if (of === 'evaluation' && record.plans.evaluation === undefined) {
      throw new WishboneError('the run does not evaluate', folder, 'look at the pairs trained on');
    }
    const plan = await readPlanPairs(path.join(folder, of === 'train' ? PLAN_FILE : EVAL_PLAN_FILE));
    const seen = new FirstAndLast(plan);
    const kind = of === 'train' ? 'step' : 'evaluation';
    for await (const { step, first, count, values } of record.blocks((head) => head.kind === kind)) {
      if (first + count > plan.pairRow.length) {
        throw new WishboneError('the record is of other pairs than the plan', file, 'restore the files of the run as they were');
      }
      seen.add(step, first, values);
    }
    const start = changeStart(config);
    const after = of === 'train' ? Math.floor(seen.latest * (1 - END_SHARE)) : 0;
    return { of, start, step: seen.latest, after, seen: seen.count, pairs: seen.changes(start, after, scaleOf(config)) };
  } finally {
    await record.close();
  }
}

/** A moving reference says nothing of where a response was before. */
function changeStart(config: RunConfig): ChangeStart {
  return startsAtReference(config) && !config.training.sync_ref_model ? 'reference' : 'first-seen';
}

/** What turns a record's numbers into nats of a whole response. */
interface Scale {
  readonly beta: number;
  /** Log-probabilities are means over tokens. */
  readonly isPerToken: boolean;
}

function scaleOf({ training }: RunConfig): Scale {
  const losses = lossesOf(training.loss_type);
  return { beta: training.beta, isPerToken: !anyLoss(losses, 'reference') && losses.some((loss) => PER_TOKEN.has(loss)) };
}

/** The first and the last values of each pair, one of a later epoch with its own of an earlier one. */
class FirstAndLast {
  readonly #plan: PlanPairs;
  readonly #same: Int32Array;
  readonly #seen: Int32Array;
  readonly #step: Int32Array;
  readonly #first: Float32Array;
  readonly #last: Float32Array;
  latest = 0;
  count = 0;

  constructor(plan: PlanPairs) {
    const pairs = plan.pairRow.length;
    this.#plan = plan;
    this.#same = samePairs(plan);
    this.#seen = new Int32Array(pairs);
    this.#step = new Int32Array(pairs);
    this.#first = new Float32Array(pairs * PAIR_VALUES);
    this.#last = new Float32Array(pairs * PAIR_VALUES);
  }

  /** @param values [pairs · 5] of the plan's pairs from `first` on */
  add(step: number, first: number, values: Float32Array): void {
    this.latest = Math.max(this.latest, step);
    for (let i = 0; i * PAIR_VALUES < values.length; i++) {
      const pair = this.#same[first + i]!;
      const own = values.subarray(i * PAIR_VALUES, (i + 1) * PAIR_VALUES);
      if (this.#seen[pair]!++ === 0) {
        this.#first.set(own, pair * PAIR_VALUES);
        this.count++;
      }
      this.#step[pair] = step;
      this.#last.set(own, pair * PAIR_VALUES);
    }
  }

  changes(start: ChangeStart, after: number, { beta, isPerToken }: Scale): PairChange[] {
    const { pairRow, pairSource, metadata, pairChosen, pairRejected, responseTokens } = this.#plan;
    const changes: PairChange[] = [];
    for (let pair = 0; pair < pairRow.length; pair++) {
      const times = this.#seen[pair]!;
      if (times === 0 || this.#step[pair]! <= after || (start === 'first-seen' && times < 2)) continue;
      const [chosenTokens, rejectedTokens] = [responseTokens[pairChosen[pair]!]!, responseTokens[pairRejected[pair]!]!];
      const at = pair * PAIR_VALUES;
      const [, reward, margin, logpChosen, logpRejected] = this.#last.subarray(at, at + PAIR_VALUES) as unknown as Values;
      const [, , , firstChosen, firstRejected] = this.#first.subarray(at, at + PAIR_VALUES) as unknown as Values;
      const [ofChosen, ofRejected] = isPerToken ? [chosenTokens, rejectedTokens] : [1, 1];
      const chosen = start === 'reference' ? reward / beta : (logpChosen - firstChosen) * ofChosen;
      const rejected = start === 'reference' ? (reward - margin) / beta : (logpRejected - firstRejected) * ofRejected;
      // What is no number says nothing of how far it came.
      if (!Number.isFinite(chosen) || !Number.isFinite(rejected)) continue;
      changes.push({
        pair,
        row: pairRow[pair]!,
        source: pairSource === undefined ? undefined : metadata.sources?.[pairSource[pair]!],
        chosenTokens,
        rejectedTokens,
        chosen,
        rejected,
        before: (logpChosen * ofChosen - chosen) / Math.max(1, chosenTokens),
      });
    }
    return changes;
  }
}

type Values = [loss: number, reward: number, margin: number, logpChosen: number, logpRejected: number];
