import { binCost, naiveBinCost, sumSeconds } from '../cost/index.js';
import type { MaskLayout } from '../mask/index.js';
import { type LlamaShape, sumFlops } from '../model/flops.js';
import type { Plan } from '../plan/index.js';
import { layOutNaively } from './naive.js';
import { type PairOfSequence, sequencesOf } from './sequences.js';

/** One bin for the mask inspector: as it is, and its sequences without sharing. */
export interface BinView {
  /** 0-based number in the plan. */
  readonly bin: number;
  readonly shared: MaskLayout;
  readonly naive: MaskLayout;
  /** [N of naive] row of `shared` that holds the same token of the same path */
  readonly sharedRow: Int32Array;
  /** Null when the model's shape is not known. */
  readonly cost: { readonly shared: BinCost; readonly naive: BinCost } | null;
}

export interface BinCost {
  /** Required for one forward pass. */
  readonly flops: number;
  /** Predicted for all passes of a training step (src/core/cost/time.ts). */
  readonly seconds: number;
}

/**
 * @param shape the model's; undefined when it is not known
 * @throws WishboneError when the plan's segments and targets do not belong together
 */
export async function viewBin(plan: Plan, owners: PairOfSequence, bin: number, shape: LlamaShape | undefined): Promise<BinView> {
  const shared = layoutOfBin(plan, bin);
  const sequences = sequencesOf(plan, owners, bin);
  const rowOfPair = (pair: number): number => (pair < 0 ? -1 : plan.pairRow[pair]!);
  const naive = await layOutNaively(sequences, shared, { capacity: plan.metadata.capacity, rowOfPair });
  return {
    bin,
    shared,
    naive: naive.layout,
    sharedRow: naive.sharedRow,
    cost: shape === undefined ? null : costOf(plan, bin, shape),
  };
}

function costOf(plan: Plan, bin: number, shape: LlamaShape): BinView['cost'] {
  const shared = binCost(plan, bin, shape);
  const naive = naiveBinCost(plan, bin, shape);
  return {
    shared: { flops: sumFlops(shared.flops), seconds: sumSeconds(shared.seconds) },
    naive: { flops: sumFlops(naive.flops), seconds: naive.total },
  };
}

function layoutOfBin(plan: Plan, bin: number): MaskLayout {
  const [begin, end] = [plan.binStart[bin]!, plan.binStart[bin + 1]!];
  const [first, last] = [plan.segmentStart[bin]!, plan.segmentStart[bin + 1]!];
  // Copies: the arrays go to another process, and a view would take the whole plan along.
  return {
    blockStart: Int32Array.of(0, end - begin),
    tokens: plan.tokens.slice(begin, end),
    position: plan.position.slice(begin, end),
    visibleUntil: plan.visibleUntil.slice(begin, end),
    segmentBegin: plan.segmentBegin.slice(first, last),
    segmentEnd: plan.segmentEnd.slice(first, last),
    segmentParent: plan.segmentParent.slice(first, last),
    segmentRole: plan.segmentRole.slice(first, last),
    segmentRow: plan.segmentPair.slice(first, last).map((pair) => (pair < 0 ? -1 : plan.pairRow[pair]!)),
  };
}
