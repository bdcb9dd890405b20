import path from 'node:path';
import { WishboneError } from '../errors.js';
import { anyLoss, lossesOf } from '../options/index.js';
import { readPlanPairs } from '../plan/index.js';
import { EVAL_PLAN_FILE, PLAN_FILE } from '../run/folder.js';
import type { RunConfig } from '../run/index.js';
import { NEIGHBOURS } from './evidence.js';
import { GatheredPairs } from './gather.js';
import type { PairRow } from './pair-row.js';
import { PAIR_RECORD_FILE, PairRecord } from './record.js';

/** Which pairs of a run: those trained on, as they were at their steps, or those of its evaluations. */
export type PairsOf = 'train' | 'evaluation';

export interface PairTable {
  readonly of: PairsOf;
  readonly pairs: readonly PairRow[];
  /** Rewards are means over tokens, so that a response's length adds nothing to them. */
  readonly isPerToken: boolean;
}

export const NO_RECORD_ADVICE = 'runs record their pairs from this version of Wishbone on: duplicate the run and train it again';

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
export const PER_TOKEN: ReadonlySet<string> = new Set(['simpo', 'orpo']);

/** Whether every margin was 0 before the first step of preference training. */
export function startsAtReference({ training }: RunConfig): boolean {
  const { loss_type, reference_model, adapter_name_or_path, adapter_reference } = training;
  if (!anyLoss(lossesOf(loss_type), 'reference') || reference_model !== '') return false;
  return adapter_name_or_path === '' || adapter_reference === 'adapter';
}
