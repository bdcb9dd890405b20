import { LengthBias, LEAST_PAIRS } from './length-bias.js';
import type { PairFacts } from './pair-facts.js';
import type { Finding, SourceCount } from './types.js';

/** One source with so large a part of the pairs drowns the others. */
const LARGEST_SHARE = 0.95;
/** A model that wins this often is told by its style alone. */
const MOST_WINS = 0.9;
/** What a file's labels are when they are no sources but ids: more than this are not told of. */
const MOST_SOURCES = 200;
const MOST_NAMED = 5;

/** How pairs, lengths and wins are spread over what the rows say they come from. */
export class SourceBalance {
  readonly #sources = new Map<string, LengthBias>();
  readonly #writers = new Map<string, { wins: number; pairs: number }>();

  add(source: string | undefined, { chosenLength, rejectedLength, writers }: PairFacts): void {
    if (source !== undefined) entry(this.#sources, source, () => new LengthBias())?.add(chosenLength, rejectedLength);
    if (writers === undefined || writers.chosen === writers.rejected) return;
    for (const [name, win] of [
      [writers.chosen, 1],
      [writers.rejected, 0],
    ] as const) {
      const found = entry(this.#writers, name, () => ({ wins: 0, pairs: 0 }));
      if (found === undefined) continue;
      found.pairs++;
      found.wins += win;
    }
  }

  /** The sources with their pairs, most first; none when the rows name none, or only one. */
  get counts(): SourceCount[] {
    if (this.#sources.size < 2 || this.#sources.size > MOST_SOURCES) return [];
    return [...this.#sources]
      .map(([name, { pairs, chosenLonger }]) => ({ name, pairs, chosenLonger }))
      .sort((a, b) => b.pairs - a.pairs || (a.name < b.name ? -1 : 1));
  }

  /** @param overall the bias of all pairs: what all sources have in common is told of there */
  findings(overall: LengthBias): Finding[] {
    return [...this.#lengths(overall), ...this.#parts(), ...this.#wins()];
  }

  #lengths(overall: LengthBias): Finding[] {
    const biased = this.counts.filter(({ name }) => this.#sources.get(name)?.isStrong === true);
    if (overall.isStrong || biased.length === 0) return [];
    const list = biased.slice(0, MOST_NAMED).map(({ name, pairs, chosenLonger }) => `${quoted(name)} ${percent(chosenLonger)} of ${pairs}`);
    const what = `length bias by source (how often the chosen response is longer): ${joined(list, biased.length)}`;
    return [{ check: 'source-balance', what, advice: 'balance the pairs of these sources, or leave them out' }];
  }

  #parts(): Finding[] {
    const [first] = this.counts;
    const total = this.counts.reduce((sum, { pairs }) => sum + pairs, 0);
    if (first === undefined || total < LEAST_PAIRS || first.pairs / total < LARGEST_SHARE) return [];
    const what = `${percent(first.pairs / total)} of the pairs come from the source ${quoted(first.name)}`;
    const advice = 'the model will see little of the others; add pairs from them, or use fewer from this one';
    return [{ check: 'source-balance', what, advice }];
  }

  #wins(): Finding[] {
    if (this.#writers.size > MOST_SOURCES) return [];
    const told = [...this.#writers]
      .filter(([, { wins, pairs }]) => pairs >= LEAST_PAIRS && wins / pairs >= MOST_WINS)
      .sort(([, a], [, b]) => b.pairs - a.pairs);
    if (told.length === 0) return [];
    const list = told.slice(0, MOST_NAMED).map(([name, { wins, pairs }]) => `${quoted(name)} in ${percent(wins / pairs)} of ${pairs}`);
    const what = `responses of one model are nearly always chosen: ${joined(list, told.length)} pairs`;
    const advice = 'the model may learn who wrote a response; add pairs in which other models win';
    return [{ check: 'source-balance', what, advice }];
  }
}

/** The map's value for a key, made when it is new; undefined when the map has outgrown what is told of. */
function entry<Value>(map: Map<string, Value>, key: string, make: () => Value): Value | undefined {
  let found = map.get(key);
  // One more than the most tells that there are too many.
  if (found === undefined && map.size <= MOST_SOURCES) map.set(key, (found = make()));
  return found;
}

function joined(list: readonly string[], all: number): string {
  return `${list.join('; ')}${all > list.length ? `; and ${all - list.length} more` : ''}`;
}

function percent(fraction: number): string {
  return `${Math.round(fraction * 100)}%`;
}

function quoted(name: string): string {
  return JSON.stringify(name);
}
