import type { Pause } from '../work/pace.js';
import { Random } from './random.js';

/** What a unit brings to a bin. */
export interface Load {
  /** Tokens, and predicted time, that the unit brings wherever it lies. */
  readonly tokens: number;
  readonly time: number;
  /** Segments that other units need too: a bin holds each once, whoever of its units needs it. */
  readonly shared: readonly number[];
}

/** Tokens and predicted time of the segments that units share, by the numbers in {@link Load.shared}. */
export interface SharedLoads {
  readonly tokens: ArrayLike<number>;
  readonly time: ArrayLike<number>;
}

export const NOTHING_SHARED: SharedLoads = { tokens: [], time: [] };

/** Bins are balanced when the slowest takes at most this much more than the mean. */
const GOOD_ENOUGH = 1.002;

/** How many of the fastest bins the slowest tries to exchange units with. */
const MOST_PARTNERS = 12;

/** How many units of a bin are looked at for an exchange of single units, and for one of up to two against two. */
const MOST_CANDIDATES = { single: 64, double: 24 } as const;
type Kind = keyof typeof MOST_CANDIDATES;

/** Units that share much stay together. */
const MOST_GROWTH = 1e-3;

/**
 * Makes the bins of a step take about the same predicted time, by local search: the slowest bin gives a unit to one of the
 * fastest, or exchanges one with it (two when one does not help), so that the slower of the two becomes as fast as possible
 * and neither grows beyond the capacity; until the slowest is good enough or no exchange helps. The number of bins stays.
 * Deterministic.
 *
 * @param bins lists of unit indices, none over full
 * @param growth the most that an exchange may add to the time of all bins, as a fraction of the mean bin
 * @returns the new lists, in no particular order
 */
export async function balance(
  bins: readonly (readonly number[])[],
  loads: readonly Load[],
  shared: SharedLoads,
  capacity: number,
  pause: Pause,
  growth: number = MOST_GROWTH,
): Promise<number[][]> {
  const balancing = new Balancing(bins, loads, shared, { capacity, growth });
  // Each exchange makes the slowest bin faster; the limit only keeps tiny steps from going on and on.
  for (let exchanges = 0; exchanges < 20 * bins.length && balancing.relieve(); exchanges++) await pause();
  return balancing.bins.map(({ units }) => units);
}

/** A bin while units move. */
class BinLoad {
  readonly #loads: readonly Load[];
  readonly #shared: SharedLoads;
  readonly units: number[] = [];
  tokens = 0;
  time = 0;
  /** For each shared segment of the bin, how many of its units need it. */
  readonly #needed = new Map<number, number>();

  constructor(loads: readonly Load[], shared: SharedLoads) {
    this.#loads = loads;
    this.#shared = shared;
  }

  add(unit: number): void {
    const load = this.#loads[unit] as Load;
    this.units.push(unit);
    this.tokens += load.tokens;
    this.time += load.time;
    for (const segment of load.shared) {
      const needed = this.#needed.get(segment) ?? 0;
      this.#needed.set(segment, needed + 1);
      if (needed === 0) this.#hold(segment, 1);
    }
  }

  remove(unit: number): void {
    const load = this.#loads[unit] as Load;
    this.units.splice(this.units.indexOf(unit), 1);
    this.tokens -= load.tokens;
    this.time -= load.time;
    for (const segment of load.shared) {
      const needed = this.#needed.get(segment) as number;
      if (needed > 1) this.#needed.set(segment, needed - 1);
      else {
        this.#needed.delete(segment);
        this.#hold(segment, -1);
      }
    }
  }

  /** What the bin would lose with one of its units gone. */
  without(unit: number): Change {
    return this.#change(unit, 1);
  }

  /** What the bin would gain with another's unit. */
  with(unit: number): Change {
    return this.#change(unit, 0);
  }

  #change(unit: number, needed: number): Change {
    const load = this.#loads[unit] as Load;
    let { tokens, time } = load;
    for (const segment of load.shared) {
      if ((this.#needed.get(segment) ?? 0) !== needed) continue;
      tokens += this.#shared.tokens[segment] as number;
      time += this.#shared.time[segment] as number;
    }
    return { tokens, time };
  }

  #hold(segment: number, sign: 1 | -1): void {
    this.tokens += sign * (this.#shared.tokens[segment] as number);
    this.time += sign * (this.#shared.time[segment] as number);
  }
}

interface Change {
  readonly tokens: number;
  readonly time: number;
}

/** Units that could leave one bin for another. */
interface Move {
  readonly units: readonly number[];
  /** What the bin that they leave loses, and what the other gains, when nothing comes back. */
  readonly lost: Change;
  readonly gained: Change;
}

/** Units of the slower bin for units of the faster. */
interface Exchange {
  readonly leaving: readonly number[];
  readonly coming: readonly number[];
}

const NONE: Move = { units: [], lost: { tokens: 0, time: 0 }, gained: { tokens: 0, time: 0 } };

class Balancing {
  readonly #capacity: number;
  readonly #mostGrowth: number;
  /** By rising time. */
  readonly bins: BinLoad[];
  readonly #random = new Random(0);
  #total: number;

  constructor(
    bins: readonly (readonly number[])[],
    loads: readonly Load[],
    shared: SharedLoads,
    { capacity, growth }: { readonly capacity: number; readonly growth: number },
  ) {
    this.#capacity = capacity;
    this.#mostGrowth = growth;
    this.bins = bins.map((units) => {
      const bin = new BinLoad(loads, shared);
      for (const unit of units) bin.add(unit);
      return bin;
    });
    this.bins.sort((a, b) => a.time - b.time);
    this.#total = this.bins.reduce((sum, { time }) => sum + time, 0);
  }

  /** Makes the slowest bin faster. @returns false when it need not or cannot be done */
  relieve(): boolean {
    const slow = this.bins.at(-1) as BinLoad;
    if (slow.time <= (GOOD_ENOUGH * this.#total) / this.bins.length) return false;
    const partners = this.bins.slice(0, Math.min(MOST_PARTNERS, this.bins.length - 1));
    return (['single', 'double'] as const).some((kind) =>
      partners.some((fast) => {
        const exchange = this.#best(slow, fast, kind);
        return exchange !== undefined && this.#make(exchange, slow, fast);
      }),
    );
  }

  /** The exchange after which the slower of the two bins is fastest. */
  #best(slow: BinLoad, fast: BinLoad, kind: Kind): Exchange | undefined {
    const gap = slow.time - fast.time;
    const growth = (this.#mostGrowth * this.#total) / this.bins.length;
    const coming = [NONE, ...this.#moves(fast, slow, kind)];
    let best: Exchange | undefined;
    // What is next to nothing would be done for ever.
    let bestGain = 1e-6 * gap;
    for (const go of this.#moves(slow, fast, kind)) {
      for (const come of coming) {
        const slower = go.lost.time - come.gained.time;
        const faster = go.gained.time - come.lost.time;
        const gain = Math.min(slower, gap - faster);
        if (gain <= bestGain || faster - slower > growth) continue;
        if (slow.tokens - go.lost.tokens + come.gained.tokens > this.#capacity) continue;
        if (fast.tokens + go.gained.tokens - come.lost.tokens > this.#capacity) continue;
        best = { leaving: go.units, coming: come.units };
        bestGain = gain;
      }
    }
    return best;
  }

  /** What could go from one bin to another: its units, or some of them when there are many, alone or also by twos. */
  #moves(from: BinLoad, to: BinLoad, kind: Kind): Move[] {
    const most = MOST_CANDIDATES[kind];
    const units =
      from.units.length <= most
        ? from.units
        : Array.from({ length: most }, () => from.units[this.#random.below(from.units.length)] as number);
    const moves: Move[] = units.map((unit) => ({ units: [unit], lost: from.without(unit), gained: to.with(unit) }));
    if (kind === 'single') return moves;
    const sum = (a: Change, b: Change): Change => ({ tokens: a.tokens + b.tokens, time: a.time + b.time });
    const twos = moves.flatMap((a, at) =>
      moves
        .slice(at + 1)
        .filter((b) => b.units[0] !== a.units[0])
        .map((b) => ({
          units: [...a.units, ...b.units],
          lost: sum(a.lost, b.lost),
          gained: sum(a.gained, b.gained),
        })),
    );
    return [...moves, ...twos];
  }

  /**
   * Makes an exchange, or leaves all as it was and returns false when it does not hold what it promised: units that share
   * a segment with each other change more than the sum of what each changes.
   */
  #make({ leaving, coming }: Exchange, slow: BinLoad, fast: BinLoad): boolean {
    const before = { slowest: slow.time, sum: slow.time + fast.time };
    const move = (units: readonly number[], from: BinLoad, to: BinLoad): void => {
      for (const unit of units) from.remove(unit);
      for (const unit of units) to.add(unit);
    };
    move(leaving, slow, fast);
    move(coming, fast, slow);
    const fits = slow.tokens <= this.#capacity && fast.tokens <= this.#capacity;
    if (!fits || Math.max(slow.time, fast.time) >= before.slowest || slow.units.length === 0) {
      move(coming, slow, fast);
      move(leaving, fast, slow);
      return false;
    }
    this.#total += slow.time + fast.time - before.sum;
    for (const bin of [slow, fast]) this.bins.splice(this.bins.indexOf(bin), 1);
    for (const bin of [slow, fast]) this.#insert(bin);
    return true;
  }

  #insert(bin: BinLoad): void {
    let [low, high] = [0, this.bins.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.bins[middle] as BinLoad).time <= bin.time) low = middle + 1;
      else high = middle;
    }
    this.bins.splice(low, 0, bin);
  }
}
