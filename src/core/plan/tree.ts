/** What a segment's tokens are (`segment_role` in docs/formats.md). */
export const SegmentRole = { prompt: 0, chosen: 1, rejected: 2, common: 3 } as const;
export type SegmentRole = (typeof SegmentRole)[keyof typeof SegmentRole];

/** The two sequences of a pair. */
export const SIDES = ['chosen', 'rejected'] as const;
export type Side = (typeof SIDES)[number];

/** A sequence to be merged with others. */
export interface Sequence {
  /** Prompt and response. */
  readonly tokens: Int32Array;
  /** Tokens [0, promptLength) are context; at least 1, less than all. */
  readonly promptLength: number;
  readonly side: Side;
  /** The number of its pair, from 0. */
  readonly pair: number;
}

/**
 * A run of tokens that every sequence through it shares, and that each of them either scores whole or reads as its
 * prompt: `source[begin, end)`, never empty. The first token's depth on its path is `begin`.
 */
export interface Segment {
  /** Index of the parent segment in the tree, -1 for a root. */
  readonly parent: number;
  /** Index after the last segment of the subtree. */
  readonly subtreeEnd: number;
  readonly role: SegmentRole;
  /** The pair whose sequences alone go through it, -1 when several pairs' do. */
  readonly pair: number;
  /** The tokens of a sequence that goes through it. */
  readonly source: Int32Array;
  readonly begin: number;
  readonly end: number;
}

/** The prefix tree of some sequences, or their trees when not all begin alike. */
export interface PrefixTree {
  readonly sequences: readonly Sequence[];
  /** Depth first: a parent comes before its children, a subtree is a run of segments. */
  readonly segments: readonly Segment[];
  /** For each sequence, the segments from the root on whose tokens are its tokens. */
  readonly paths: readonly (readonly number[])[];
  /** Sum of the segments' lengths. */
  readonly tokens: number;
}

/**
 * Merges every common prefix of the sequences: a trie of their tokens, compressed to segments. Segments also end where
 * some sequence's prompt or response ends. Children are in the order in which the sequences first need them.
 */
export function prefixTree(sequences: readonly Sequence[]): PrefixTree {
  const builder = new TreeBuilder();
  for (const sequence of sequences) builder.add(sequence);
  return builder.finish();
}

/** {@link prefixTree} sequence by sequence, for callers that pause between them. */
export class TreeBuilder {
  readonly #root = new Node(new Int32Array(0), 0, 0);
  readonly #sequences: Sequence[] = [];

  add(sequence: Sequence): void {
    insert(this.#root, sequence);
    this.#sequences.push(sequence);
  }

  finish(): PrefixTree {
    const [root, sequences] = [this.#root, this.#sequences];
    const { segments, tokens } = flatten(root);
    return { sequences, segments, tokens, paths: sequences.map((sequence) => pathOf(root, sequence)) };
  }
}

/** What the sequences through a node take its tokens for, as bits. */
const Use = { prompt: 1, chosen: 2, rejected: 4 } as const;

const ROLE_OF_USE: Readonly<Record<number, SegmentRole>> = {
  [Use.prompt]: SegmentRole.prompt,
  [Use.chosen]: SegmentRole.chosen,
  [Use.rejected]: SegmentRole.rejected,
};

/** A segment under construction. */
class Node {
  /** By their first token; a Map keeps the order in which they came. */
  children = new Map<number, Node>();
  uses = 0;
  /** As a segment's, undefined before the first sequence. */
  pair: number | undefined;
  /** Index among the segments, once there are some. */
  index = -1;

  constructor(
    readonly source: Int32Array,
    readonly begin: number,
    public end: number,
  ) {}

  /** Keeps the tokens before depth `at` and hands the others to a child that takes over the children. */
  cut(at: number): void {
    const lower = new Node(this.source, at, this.end);
    lower.children = this.children;
    lower.uses = this.uses;
    lower.pair = this.pair;
    this.children = new Map([[this.source[at] as number, lower]]);
    this.end = at;
  }

  use({ side, pair, promptLength }: Sequence): void {
    this.uses |= this.end <= promptLength ? Use.prompt : Use[side];
    this.pair = this.pair === undefined || this.pair === pair ? pair : -1;
  }
}

function insert(root: Node, sequence: Sequence): void {
  const { tokens, promptLength } = sequence;
  let node = root;
  let depth = 0;
  while (depth < tokens.length) {
    const first = tokens[depth] as number;
    let next = node.children.get(first);
    if (next === undefined) {
      next = new Node(tokens, depth, tokens.length);
      node.children.set(first, next);
    }
    let end = commonEnd(next, tokens);
    if (depth < promptLength) end = Math.min(end, promptLength);
    if (end < next.end) next.cut(end);
    next.use(sequence);
    node = next;
    depth = end;
  }
}

/** The depth at which a node and a sequence that has its first token part, or one of them ends. */
function commonEnd({ source, begin, end }: Node, tokens: Int32Array): number {
  if (source === tokens) return end;
  const last = Math.min(end, tokens.length);
  let at = begin + 1;
  while (at < last && source[at] === tokens[at]) at++;
  return at;
}

/** Depth first. No recursion: sequences that extend each other make a tree as deep as they are many. */
function flatten(root: Node): { segments: Segment[]; tokens: number } {
  const order: { readonly node: Node; readonly parent: number }[] = [];
  const ahead = [...root.children.values()].reverse().map((node) => ({ node, parent: -1 }));
  for (let visit = ahead.pop(); visit !== undefined; visit = ahead.pop()) {
    const { node } = visit;
    node.index = order.length;
    order.push(visit);
    for (const child of [...node.children.values()].reverse()) ahead.push({ node: child, parent: node.index });
  }
  const subtreeEnds = order.map((_, index) => index + 1);
  for (let index = order.length - 1; index >= 0; index--) {
    const { parent } = order[index] as (typeof order)[number];
    if (parent >= 0) subtreeEnds[parent] = Math.max(subtreeEnds[parent] as number, subtreeEnds[index] as number);
  }
  let tokens = 0;
  const segments = order.map(({ node, parent }, index) => {
    const { source, begin, end, pair = -1 } = node;
    tokens += end - begin;
    const role = ROLE_OF_USE[node.uses] ?? SegmentRole.common;
    return { parent, subtreeEnd: subtreeEnds[index] as number, role, pair, source, begin, end };
  });
  return { segments, tokens };
}

function pathOf(root: Node, { tokens }: Sequence): number[] {
  const path: number[] = [];
  for (let node = root; node.end < tokens.length; ) {
    node = node.children.get(tokens[node.end] as number) as Node;
    path.push(node.index);
  }
  return path;
}
