import type { Pause } from '../work/pace.js';

/** What is packed: its tokens count against the capacity, its predicted time makes bins slow. */
export interface Sized {
  readonly tokens: number;
  readonly time: number;
}

/**
 * Packs units into bins of at most `capacity` tokens by best fit decreasing: longest unit first, each into the fullest bin
 * that still has room (at most 11/9 of the fewest bins possible, plus one: Johnson, J. Comput. Syst. Sci. 8, 1974).
 * Deterministic: of equal units the earlier goes first, of equal bins the older wins. No unit may be longer than the
 * capacity.
 *
 * @returns the bins, each a list of unit indices
 */
export async function pack(units: readonly Sized[], capacity: number, pause: Pause): Promise<number[][]> {
  const packed = await place(units, capacity, { count: units.length, part: 0 }, pause);
  if (packed === undefined) throw new RangeError('a unit does not fit into a bin');
  return packed;
}

/** Parts of a step's tokens that are spread over its bins before the rest fills them up: from best balance to best fit. */
export const SPREAD_PARTS = [1, 0.97, 0.9, 0.75, 0.5];

/**
 * Packs units into `count` bins so that these take about the same time: the longest units each into the bin that is fastest
 * so far (longest processing time first: Graham, SIAM J. Appl. Math. 17, 1969), the shorter ones that are left where they
 * fit best.
 *
 * @returns undefined when no mixture of the two finds room for all
 */
export async function spread(units: readonly Sized[], capacity: number, count: number, pause: Pause): Promise<number[][] | undefined> {
  for (const part of SPREAD_PARTS) {
    const packed = await place(units, capacity, { count, part }, pause);
    if (packed !== undefined) return packed;
  }
  return undefined;
}

/**
 * How many bins a step gets that needs at least `fewest`: a multiple of the devices, so that each has as many, but never more than there
 * are units to fill them.
 */
export function binCount(fewest: number, devices: number, units: number): number {
  return Math.max(fewest, Math.min(devices * Math.ceil(fewest / devices), units));
}

/** The units' indices, longest first. */
export function longestFirst(units: readonly Pick<Sized, 'tokens'>[]): number[] {
  const order = units.map((_, unit) => unit);
  return order.sort((a, b) => (units[b] as Sized).tokens - (units[a] as Sized).tokens || a - b);
}

/**
 * @param limits at most `count` bins; `part` of all tokens are spread over just as many, the rest goes where it fits best
 */
async function place(
  units: readonly Sized[],
  capacity: number,
  { count, part }: { readonly count: number; readonly part: number },
  pause: Pause,
): Promise<number[][] | undefined> {
  const bins: number[][] = [];
  const room = new Float64Array(count).fill(capacity);
  const time = new Float64Array(count);
  if (part > 0) for (let bin = 0; bin < count; bin++) bins.push([]);
  let toSpread = part * units.reduce((sum, { tokens }) => sum + tokens, 0);
  for (const unit of longestFirst(units)) {
    const size = units[unit] as Sized;
    let best = leastWithRoom(toSpread > 0 ? time : room, room, bins.length, size.tokens);
    if (best < 0) {
      if (bins.length === count || size.tokens > capacity) return undefined;
      best = bins.length;
      bins.push([]);
    }
    (bins[best] as number[]).push(unit);
    room[best] = (room[best] as number) - size.tokens;
    time[best] = (time[best] as number) + size.time;
    toSpread -= size.tokens;
    await pause();
  }
  return bins.every((bin) => bin.length > 0) ? bins : undefined;
}

/** The first of `count` bins with the least measure among those with room for so many tokens; -1 when there is none. */
function leastWithRoom(measure: Float64Array, room: Float64Array, count: number, tokens: number): number {
  let best = -1;
  let least = Infinity;
  for (let bin = 0; bin < count; bin++) {
    const value = measure[bin] as number;
    if (value < least && (room[bin] as number) >= tokens) {
      best = bin;
      least = value;
    }
  }
  return best;
}
