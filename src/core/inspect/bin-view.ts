import { type MaskLayout, visibleCells } from '../mask/index.js';
import { forwardFlops, type LlamaShape } from '../model/flops.js';
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
  /** Required FLOPs of one forward pass; null when the model's shape is not known. */
  readonly flops: { readonly shared: number; readonly naive: number } | null;
}

/**
 * @param shape the model's; undefined when it is not known
 * @throws WishboneError when the plan's segments and targets do not belong together
 */
export async function viewBin(
  plan: Plan,
  owners: PairOfSequence,
  bin: number,
  shape: LlamaShape | undefined,
): Promise<BinView> {
  const shared = layoutOfBin(plan, bin);
  const sequences = sequencesOf(plan, owners, bin);
  const rowOfPair = (pair: number): number => (pair < 0 ? -1 : plan.pairRow[pair]!);
  const naive = await layOutNaively(sequences, shared, { capacity: plan.metadata.capacity, rowOfPair });
  const targets = plan.targetRow.subarray(plan.targetStart[bin], plan.targetStart[bin + 1]);
  const flops = (layout: MaskLayout, readRows: number): number =>
    shape === undefined
      ? 0
      : forwardFlops(shape, { tokens: layout.tokens.length, visiblePairs: visibleCells(layout), readRows });
  return {
    bin,
    shared,
    naive: naive.layout,
    sharedRow: naive.sharedRow,
    flops:
      shape === undefined
        ? null
        : { shared: flops(shared, new Set(targets).size), naive: flops(naive.layout, targets.length) },
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
