import path from 'node:path';
import { WishboneError } from '../errors.js';
import { anyLoss, lossesOf } from '../options/index.js';
import { readPlanPairs } from '../plan/index.js';
import { EVAL_PLAN_FILE, PLAN_FILE } from '../run/folder.js';
import type { RunConfig } from '../run/index.js';
import { NEIGHBOURS } from './evidence.js';
import { GatheredPairs } from './gather.js';
import { PAIR_RECORD_FILE, PairRecord } from './record.js';

/** Which pairs of a run: those trained on, as they were at their steps, or those of its evaluations. */
export type PairsOf = 'train' | 'evaluation';

/** What became of a pair in a run. Rewards, margins and log-probabilities are those of docs/metrics.md. */
export interface PairRow {
  /** The plan's number of the pair; of its first, where several epochs have it. */
  readonly pair: number;
  /** 0-based row of the dataset, counted through its files. */
  readonly row: number;
  readonly source: string | undefined;
  /** Tokens of the responses. */
  readonly chosenTokens: number;
  readonly rejectedTokens: number;
  /** How often it was trained on, or evaluated. */
  readonly seen: number;
  /** Steps done when it was last seen. */
  readonly step: number;
  /** Margin before training, where that is known to be 0: training starts at the reference. Else when it was first seen. */
  readonly start: number;
  /** Margin when it was last seen. */
  readonly now: number;
  /** `now` less `start`; undefined where it was seen once and its start is not known. */
  readonly change: number | undefined;
  readonly loss: number;
  readonly rewardChosen: number;
  readonly logpChosen: number;
  readonly logpRejected: number;
  /** Mean of `labelEvidence` over the times it was seen. */
  readonly evidence: number;
  /** Times it was seen when its neighbours' margins were above 0, and the times of these that its own was too. */
  readonly chances: number;
  readonly wins: number;
}

export interface PairTable {
  readonly of: PairsOf;
  readonly pairs: readonly PairRow[];
  /** Rewards are means over tokens, so that a response's length adds nothing to them. */
  readonly isPerToken: boolean;
}

const NO_RECORD_ADVICE = 'runs record their pairs from this version of Wishbone on: duplicate the run and train it again';

/**
 * The pairs of a run, from its plan and the record of its runner. Pairs that were not seen yet are not among them.
 *
 * @param folder of the run
 * @throws WishboneError when the run has no record, or it is not of the run's plan
 */
export async function readPairTable(folder: string, config: RunConfig, of: PairsOf): Promise<PairTable> {
  const file = path.join(folder, PAIR_RECORD_FILE);
  const record = await PairRecord.open(file);
  if (record === undefined) throw new WishboneError('the run has no record of its pairs', file, NO_RECORD_ADVICE);
  try {
    if (of === 'evaluation' && record.plans.evaluation === undefined) {
      throw new WishboneError('the run does not evaluate', folder, 'set eval_steps in a new run, or look at the pairs trained on');
    }
    const plan = await readPlanPairs(path.join(folder, of === 'train' ? PLAN_FILE : EVAL_PLAN_FILE));
    const { loss_type } = config.training;
    const comparesToReference = anyLoss(lossesOf(loss_type), 'reference');
    const gathered = new GatheredPairs(plan, startsAtReference(config));
    for await (const { kind, step, first, count, values } of record.blocks(
      ({ kind }) => kind === (of === 'train' ? 'step' : 'evaluation'),
    )) {
      if (first + count > plan.pairRow.length) {
        throw new WishboneError('the record is of other pairs than the plan', file, 'restore the files of the run as they were');
      }
      gathered.add(step, first, values);
      if (kind === 'evaluation') gathered.endSeries(Infinity);
    }
    gathered.endSeries(NEIGHBOURS);
    return { of, pairs: gathered.rows(), isPerToken: !comparesToReference && lossesOf(loss_type).some((loss) => PER_TOKEN.has(loss)) };
  } finally {
    await record.close();
  }
}

/** Losses without a reference whose rewards are per token (native-runner/src/train/loss, `scores_per_token`). */
const PER_TOKEN: ReadonlySet<string> = new Set(['simpo', 'orpo']);

/** Whether every margin was 0 before the first step of preference training. */
export function startsAtReference({ training }: RunConfig): boolean {
  const { loss_type, reference_model, adapter_name_or_path, adapter_reference } = training;
  if (!anyLoss(lossesOf(loss_type), 'reference') || reference_model !== '') return false;
  return adapter_name_or_path === '' || adapter_reference === 'adapter';
}
