import type { Pause } from '../work/pace.js';
import type { TokenPair } from '../tokenizer/pair.js';
import type { Random } from './random.js';

/** Pairs are kept together where that saves at least this part of their tokens, as they are with sharing `pair`. */
const LEAST_GAIN = 0.1;

/** Pairs, by index. */
type Group = readonly number[];

/** A part of the prefix tree of all prompts: those of sorted pairs [begin, end) begin with the same `depth` tokens. */
interface Node {
  readonly begin: number;
  readonly end: number;
  readonly depth: number;
}

/**
 * The order of pairs with `order: prefix`: random, but pairs whose prompts have much in common follow each other, and so come into
 * the same step, where sharing `tree` computes what they have in common once. What nearly all prompts begin with keeps nobody
 * together: any step shares that.
 */
export class PrefixOrder {
  /** Of the groups of a crowd a step has as many as it holds; between crowds, and groups of none, the order is random. */
  readonly #crowds: readonly (readonly Group[])[];
  readonly #groups: readonly Group[];
  readonly #most: number;

  private constructor(groups: readonly Group[], crowds: readonly (readonly Group[])[], most: number) {
    this.#groups = groups;
    this.#crowds = crowds;
    this.#most = most;
  }

  /** @param most pairs of a step */
  static async of(pairs: readonly TokenPair[], most: number, pause: Pause): Promise<PrefixOrder> {
    const prompts = pairs.map(({ chosen, promptLength }, index) => ({ index, tokens: chosen.subarray(0, promptLength) }));
    prompts.sort((a, b) => compare(a.tokens, b.tokens));
    const sorted = prompts.map(({ index }) => index);
    await pause();
    const before = new Float64Array(sorted.length + 1);
    for (const [i, index] of sorted.entries()) before[i + 1] = (before[i] as number) + sharedTokens(pairs[index] as TokenPair);
    const nodes = prefixNodes(prompts.map(({ tokens }) => tokens));
    await pause();

    // Numbers of the group and of the crowd that the sorted pairs are in; 0: none.
    const group = new Int32Array(sorted.length);
    const crowd = new Int32Array(sorted.length);
    let groups = 0;
    let crowds = 0;
    /** Nodes around the one at hand, and the tokens that are shared there anyway. */
    const around: { readonly node: Node; readonly base: number }[] = [];
    for (const node of nodes) {
      let parent = around.at(-1);
      while (parent !== undefined && (parent.node.begin > node.begin || parent.node.end < node.end)) {
        around.pop();
        parent = around.at(-1);
      }
      const base = parent?.base ?? node.depth;
      const size = node.end - node.begin;
      const gain = (size - 1) * (node.depth - base);
      const pays = gain >= LEAST_GAIN * ((before[node.end] as number) - (before[node.begin] as number)) && gain > 0;
      if (pays && group[node.begin] === 0) {
        if (size <= most) group.fill(++groups, node.begin, node.end);
        else crowd.fill(++crowds, node.begin, node.end);
      }
      around.push({ node, base: pays ? node.depth : base });
      await pause();
    }

    const all: Group[][] = Array.from({ length: crowds + 1 }, () => []);
    for (let i = 0; i < sorted.length; ) {
      let end = i + 1;
      while (group[i] !== 0 && end < sorted.length && group[end] === group[i]) end++;
      (all[crowd[i] as number] as Group[]).push(sorted.slice(i, end));
      i = end;
    }
    const [alone = [], ...together] = all;
    return new PrefixOrder(alone, together, most);
  }

  /** All pairs, by index, in an order that the random numbers decide. */
  order(random: Random): Int32Array {
    const parts: Group[] = [...this.#groups];
    for (const crowd of this.#crowds) {
      let part: number[] = [];
      for (const group of shuffled(crowd, random)) {
        if (part.length > 0 && part.length + group.length > this.#most) {
          parts.push(part);
          part = [];
        }
        part = [...part, ...group];
      }
      parts.push(part);
    }
    return Int32Array.from(shuffled(parts, random).flat());
  }
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  return Array.from(random.order(items.length), (index) => items[index] as T);
}

function sharedTokens({ chosen, rejected, promptLength }: TokenPair): number {
  return chosen.length + rejected.length - promptLength;
}

/** Tokens that both begin with. */
function common(a: Int32Array, b: Int32Array): number {
  const most = Math.min(a.length, b.length);
  let count = 0;
  while (count < most && a[count] === b[count]) count++;
  return count;
}

function compare(a: Int32Array, b: Int32Array): number {
  const at = common(a, b);
  return (a[at] ?? -1) - (b[at] ?? -1);
}

/**
 * The inner nodes of the prefix tree of sorted sequences, each before those inside it; the first one holds all. Found from the
 * common prefixes of neighbours in one pass (the intervals of Abouelhoda, Kurtz and Ohlebusch, 2004).
 */
function prefixNodes(sequences: readonly Int32Array[]): Node[] {
  const lengths = sequences.slice(1).map((sequence, i) => common(sequences[i] as Int32Array, sequence));
  const all = lengths.reduce((a, b) => Math.min(a, b), lengths[0] ?? 0);
  const found: Node[] = [];
  const open = [{ begin: 0, depth: all }];
  for (let i = 1; i <= sequences.length; i++) {
    const depth = lengths[i - 1] ?? all;
    let begin = i - 1;
    let top = open.at(-1);
    while (top !== undefined && top.depth > depth) {
      found.push({ ...top, end: i });
      begin = top.begin;
      open.pop();
      top = open.at(-1);
    }
    if (top !== undefined && top.depth < depth) open.push({ begin, depth });
  }
  found.push({ begin: 0, end: sequences.length, depth: all });
  return found.reverse();
}
