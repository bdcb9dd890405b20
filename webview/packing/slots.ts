import type { BinTotals } from '../../src/core/inspect/index.js';
import { MASK_ROLES } from '../../src/core/mask/index.js';
import { PLAN_SIDES, type PlanSide } from '../../src/protocol/plan.js';

export const ORDERS = ['trained', 'length'] as const;
export type Order = (typeof ORDERS)[number];

/** Places side by side for bins, the same ones above and below. */
export interface Slots {
  readonly count: number;
  /** Bin of each slot, -1 for none. */
  readonly bins: Readonly<Record<PlanSide, Int32Array>>;
  /** Slot of each bin. */
  readonly slotOf: Readonly<Record<PlanSide, Int32Array>>;
  /** Slots at which steps begin; empty when bins are ordered otherwise. */
  readonly stepEdges: Int32Array;
}

/**
 * As trained, every step has as many slots as its larger side has bins, so that both sides of a step stand above each
 * other. By length, each side begins with its longest bin.
 */
export function slotsOf(totals: Readonly<Record<PlanSide, BinTotals>>, order: Order): Slots {
  return order === 'trained' ? slotsByStep(totals) : slotsByLength(totals);
}

function slotsByStep({ shared, naive }: Readonly<Record<PlanSide, BinTotals>>): Slots {
  const steps = shared.stepStart.length - 1;
  const stepEdges = new Int32Array(steps);
  const width = (side: BinTotals, step: number): number => side.stepStart[step + 1]! - side.stepStart[step]!;
  let count = 0;
  for (let step = 0; step < steps; step++) {
    stepEdges[step] = count;
    count += Math.max(width(shared, step), width(naive, step));
  }
  const place = ({ stepStart }: BinTotals): Int32Array => {
    const slots = new Int32Array(stepStart.at(-1)!);
    for (let step = 0; step < steps; step++) {
      for (let bin = stepStart[step]!; bin < stepStart[step + 1]!; bin++) {
        slots[bin] = stepEdges[step]! + bin - stepStart[step]!;
      }
    }
    return slots;
  };
  return { ...inverse(count, { shared: place(shared), naive: place(naive) }), stepEdges };
}

function slotsByLength(totals: Readonly<Record<PlanSide, BinTotals>>): Slots {
  const place = (side: BinTotals): Int32Array => {
    const tokens = binTokens(side);
    const ranked = [...tokens.keys()].sort((a, b) => tokens[b]! - tokens[a]! || a - b);
    const slots = new Int32Array(tokens.length);
    ranked.forEach((bin, rank) => (slots[bin] = rank));
    return slots;
  };
  const slotOf = { shared: place(totals.shared), naive: place(totals.naive) };
  const count = Math.max(slotOf.shared.length, slotOf.naive.length);
  return { ...inverse(count, slotOf), stepEdges: new Int32Array(0) };
}

function inverse(count: number, slotOf: Slots['slotOf']): Omit<Slots, 'stepEdges'> {
  const bins = { shared: new Int32Array(count).fill(-1), naive: new Int32Array(count).fill(-1) };
  for (const side of PLAN_SIDES) slotOf[side].forEach((slot, bin) => (bins[side][slot] = bin));
  return { count, bins, slotOf };
}

/** Tokens of every bin. */
export function binTokens({ roleTokens }: BinTotals): Int32Array {
  const roles = MASK_ROLES.length;
  return Int32Array.from({ length: roleTokens.length / roles }, (_, bin) => {
    let tokens = 0;
    for (let role = 0; role < roles; role++) tokens += roleTokens[bin * roles + role]!;
    return tokens;
  });
}

/** What of the slots is seen. */
export interface SlotView {
  /** CSS pixels a slot. */
  readonly scale: number;
  /** Slot at the left edge; a fraction where one is cut. */
  readonly left: number;
}

export const WIDEST_SLOT = 120;
/** A whole plan of few bins is not stretched beyond that. */
const WIDEST_FITTING = 48;

export function fitSlots(count: number, width: number): SlotView {
  return { scale: Math.min(WIDEST_FITTING, width / Math.max(1, count)), left: 0 };
}

export function clampSlots({ scale, left }: SlotView, count: number, width: number): SlotView {
  const held = Math.min(WIDEST_SLOT, Math.max(fitSlots(count, width).scale, scale));
  return { scale: held, left: Math.min(Math.max(0, count - width / held), Math.max(0, left)) };
}

/** The slot under the point stays where it is. */
export function zoomSlots({ scale, left }: SlotView, factor: number, x: number, count: number, width: number): SlotView {
  const held = clampSlots({ scale: scale * factor, left }, count, width).scale;
  return clampSlots({ scale: held, left: left + x / scale - x / held }, count, width);
}

/** Moves as little as is needed to bring a slot into view. */
export function revealSlot({ scale, left }: SlotView, slot: number, count: number, width: number): SlotView {
  const seen = width / scale;
  const from = slot < left ? slot : slot + 1 > left + seen ? slot + 1 - seen : left;
  return clampSlots({ scale, left: from }, count, width);
}
