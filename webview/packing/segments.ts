import type { BinsMessage } from '../../src/protocol/packing.js';
import type { PlanSide } from '../../src/protocol/plan.js';

/** Bins that are asked for at once. */
const CHUNK = 32;

/** One segment of a bin. */
export interface Segment {
  readonly length: number;
  /** Index into `MASK_ROLES`. */
  readonly role: number;
  /** 0-based row of the dataset; -1 when several rows' sequences go through it. */
  readonly row: number;
}

/** The segments of the bins in view: asked for when they are first needed, and kept. */
export class BinSegments {
  readonly #bins = { shared: new Map<number, readonly Segment[]>(), naive: new Map<number, readonly Segment[]>() };
  readonly #asked = { shared: new Set<number>(), naive: new Set<number>() };

  constructor(
    readonly counts: Readonly<Record<PlanSide, number>>,
    /** Asks for bins `[from, to)`. */
    readonly ask: (side: PlanSide, from: number, to: number) => void,
  ) {}

  /** Undefined while they are not known; then they have been asked for. */
  get(side: PlanSide, bin: number): readonly Segment[] | undefined {
    const known = this.#bins[side].get(bin);
    const chunk = Math.floor(bin / CHUNK);
    if (known === undefined && !this.#asked[side].has(chunk)) {
      this.#asked[side].add(chunk);
      this.ask(side, chunk * CHUNK, Math.min(this.counts[side], (chunk + 1) * CHUNK));
    }
    return known;
  }

  add({ side, from, segmentStart, segmentLength, segmentRole, segmentRow }: BinsMessage): void {
    for (let at = 0; at + 1 < segmentStart.length; at++) {
      const segments: Segment[] = [];
      for (let segment = segmentStart[at]!; segment < segmentStart[at + 1]!; segment++) {
        const [length, role, row] = [segmentLength[segment]!, segmentRole[segment]!, segmentRow[segment]!];
        segments.push({ length, role, row });
      }
      this.#bins[side].set(from + at, segments);
    }
  }
}
