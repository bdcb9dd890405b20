import { MOST_SOURCES } from '../plan/build.js';
import { Random } from '../plan/random.js';
import type { RowPlace } from '../dataset/index.js';
import type { TokenPair } from '../tokenizer/index.js';
import { tokensKey } from '../tokenizer/tokens-key.js';
import type { TokenisedSource } from './tokenised-source.js';

/** Keeps the streams of random numbers apart: steps take the seed with the epoch. */
const Stream = { split: 0x5eed_0001, sample: 0x5eed_0002 } as const;

/** The pairs of a dataset's files as one. */
export interface Mixture {
  /** In the order of the files; a pair of a file with a weight above 1 stands there as often. */
  readonly pairs: readonly TokenPair[];
  /** Held out for evaluation: each once, whatever the weights, and none with a prompt that is trained on. */
  readonly evalPairs: readonly TokenPair[];
  readonly skipped: readonly RowPlace[];
}

/**
 * Puts the files of a dataset together: rows are counted through, some are held out, and each file's others are taken as
 * often as its weight says: whole times, then a random part of them.
 *
 * @param evalFraction share of all pairs to hold out; pairs with the same prompt go together, so it is met as nearly as
 *   they allow
 */
export function mix(sources: readonly TokenisedSource[], seed: number, evalFraction: number): Mixture {
  const several = sources.length > 1;
  const skipped: RowPlace[] = [];
  const perFile: TokenPair[][] = [];
  let firstRow = 0;
  sources.forEach(({ source: { path: file, name }, store, rows }) => {
    const placed = <Place extends RowPlace>(place: Place): Place =>
      several ? { ...place, row: firstRow + place.row, rowInFile: place.row, file } : place;
    const pairs: TokenPair[] = [];
    for (const outcome of store.outcomes()) {
      if ('pair' in outcome) pairs.push(several ? { source: name, ...placed(outcome.pair) } : outcome.pair);
      else skipped.push(placed(outcome.skipped));
    }
    // What tells too many places apart tells nothing; the file still does.
    const isTold = new Set(pairs.map((pair) => pair.source)).size <= MOST_SOURCES;
    perFile.push(isTold ? pairs : pairs.map((pair) => ({ ...pair, source: several ? name : undefined })));
    firstRow += rows;
  });
  const held = evalFraction > 0 ? holdOut(perFile.flat(), seed, evalFraction) : new Set<TokenPair>();
  const pairs = perFile.flatMap((all, index) => {
    const left = held.size === 0 ? all : all.filter((pair) => !held.has(pair));
    const { weight = 1, samples } = sources[index]?.source ?? {};
    const once = samples === undefined || left.length === 0 ? 1 : samples / left.length;
    return weighted(left, weight * once, seed, index);
  });
  return { pairs, evalPairs: perFile.flat().filter((pair) => held.has(pair)), skipped };
}

/** Takes prompts in random order until their pairs are as many as asked for; at least one pair stays on each side. */
function holdOut(pairs: readonly TokenPair[], seed: number, fraction: number): Set<TokenPair> {
  const groups = new Map<number, TokenPair[]>();
  for (const pair of pairs) {
    // Prompts that fall together by chance are held out together.
    const key = tokensKey(pair.chosen, pair.promptLength);
    const group = groups.get(key);
    if (group) group.push(pair);
    else groups.set(key, [pair]);
  }
  const wanted = Math.max(1, Math.round(fraction * pairs.length));
  const all = [...groups.values()];
  const held = new Set<TokenPair>();
  for (const index of new Random(seed, Stream.split).order(all.length)) {
    const group = all[index] as TokenPair[];
    if (held.size + group.length > wanted && held.size > 0) continue;
    if (held.size + group.length >= pairs.length) continue;
    for (const pair of group) held.add(pair);
    if (held.size >= wanted) break;
  }
  return held;
}

function weighted(pairs: readonly TokenPair[], weight: number, seed: number, index: number): TokenPair[] {
  const whole = Math.floor(weight);
  const part = Math.round((weight - whole) * pairs.length);
  const taken: TokenPair[] = [];
  for (let time = 0; time < whole; time++) for (const pair of pairs) taken.push(pair);
  if (part > 0) {
    const order = new Random(seed, Stream.sample, index).order(pairs.length).slice(0, part).sort();
    for (const at of order) taken.push(pairs[at] as TokenPair);
  }
  return taken;
}
