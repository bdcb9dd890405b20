import { lastAtMost, type MaskLayout } from '../../src/core/mask/index.js';

/**
 * Keys that are seen by the same queries: what the mask is drawn from. A run is a triangle (its own tokens) above a
 * rectangle (the tokens below it that continue it). In a plan's bins the runs are the segments.
 */
export interface Runs {
  /** [R] rising */
  readonly begin: Int32Array;
  /** [R] */
  readonly end: Int32Array;
  /** [R] row after the last query */
  readonly until: Int32Array;
  /** [R] */
  readonly segment: Int32Array;
}

export function runsOf({ visibleUntil, segmentBegin, segmentEnd }: MaskLayout): Runs {
  const [begin, end, until, segment]: [number[], number[], number[], number[]] = [[], [], [], []];
  for (let at = 0; at < segmentBegin.length; at++) {
    for (let row = segmentBegin[at]!; row < segmentEnd[at]!; ) {
      let next = row + 1;
      while (next < segmentEnd[at]! && visibleUntil[next] === visibleUntil[row]) next++;
      begin.push(row);
      end.push(next);
      until.push(visibleUntil[row]!);
      segment.push(at);
      row = next;
    }
  }
  const column = (values: number[]): Int32Array => Int32Array.from(values);
  return { begin: column(begin), end: column(end), until: column(until), segment: column(segment) };
}

/** Part of the mask in tokens: keys `[left, right)`, queries `[top, bottom)`. */
export interface Part {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** What is visible of a run within a part: queries `[top, bottom)` of keys `[left, right)`. */
export interface Shape extends Part {
  readonly segment: number;
  /** `stairs`: of the keys, each query sees those up to itself. `block`: it sees all. */
  readonly kind: 'stairs' | 'block';
}

/** Runs `[from, to)` with a key in `[left, right)`. */
export function runsIn(runs: Runs, left: number, right: number): [from: number, to: number] {
  const from = Math.max(0, lastAtMost(runs.begin, left));
  return [from, Math.max(from, lastAtMost(runs.begin, right - 1) + 1)];
}

/** Every visible cell of a part lies in exactly one shape, and no other cell does. */
export function shapesIn(runs: Runs, part: Part): Shape[] {
  const shapes: Shape[] = [];
  const [from, to] = runsIn(runs, part.left, part.right);
  for (let run = from; run < to; run++) {
    const [begin, end, until, segment] = [runs.begin[run]!, runs.end[run]!, runs.until[run]!, runs.segment[run]!];
    const left = Math.max(begin, part.left);
    const right = Math.min(end, part.right);
    if (left >= right) continue;
    // Queries before the first key of the part see none of it.
    const stairs = { top: Math.max(begin, left, part.top), bottom: Math.min(end, part.bottom) };
    if (stairs.top < stairs.bottom) shapes.push({ kind: 'stairs', segment, left, right, ...stairs });
    const block = { top: Math.max(end, part.top), bottom: Math.min(until, part.bottom) };
    if (block.top < block.bottom) shapes.push({ kind: 'block', segment, left, right, ...block });
  }
  return shapes;
}

/**
 * Leaves out what cannot be seen apart: of runs that begin in the same slot of `slot` tokens, one that stands for all,
 * with the most queries. For a whole mask of very short segments.
 */
export function thinned(runs: Runs, slot: number): Runs {
  const kept: number[] = [];
  let last = -1;
  for (let run = 0; run < runs.begin.length; run++) {
    const long = runs.end[run]! - runs.begin[run]! >= slot;
    const place = Math.floor(runs.begin[run]! / slot);
    if (!long && place === last) {
      const before = kept.at(-1)!;
      if (runs.until[run]! > runs.until[before]!) kept[kept.length - 1] = run;
      continue;
    }
    last = long ? -1 : place;
    kept.push(run);
  }
  if (kept.length === runs.begin.length) return runs;
  const column = (values: Int32Array): Int32Array => Int32Array.from(kept, (run) => values[run]!);
  return {
    begin: column(runs.begin),
    // One that stands for its neighbours fills their room.
    end: Int32Array.from(kept, (run, at) => {
      const next = kept[at + 1];
      const free = next === undefined ? runs.end.at(-1)! : runs.begin[next]!;
      return Math.max(runs.end[run]!, Math.min(free, runs.begin[run]! + Math.ceil(slot), runs.until[run]!));
    }),
    until: column(runs.until),
    segment: column(runs.segment),
  };
}
