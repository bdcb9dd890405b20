/** The numbers of a `config.json` that decide what a forward pass costs. */
export interface LlamaShape {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly queryHeads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly vocabSize: number;
  /** Layers whose queries see only their last `window` positions; absent: there are none. */
  readonly windows?: readonly SlidingWindow[];
}

export interface SlidingWindow {
  readonly window: number;
  /** How many layers have it. */
  readonly layers: number;
}

/** What of a bin decides the cost of a forward pass over it. */
export interface BinWork {
  /** Tokens that targets read, or that such a token sees (`src/core/plan/required-work.ts`). */
  readonly tokens: number;
  /** (query, key) pairs of these tokens that the mask lets through. */
  readonly visiblePairs: number;
  /**
   * The pairs that a sliding window leaves: the sum over queries of the lesser of `position + 1` and `window`. Where it
   * is not given, windows count as if they hid nothing.
   */
  readonly pairsWithin?: (window: number) => number;
  /** Different rows that targets read. */
  readonly readRows: number;
}

/** Floating-point operations by what they are spent on. A multiply and an add count as two. */
export interface Flops {
  /** Query, key and value projections. */
  readonly qkv: number;
  /** Scores and weighted sums. */
  readonly attention: number;
  /** The projection after attention. */
  readonly out: number;
  /** Gate, up and down. */
  readonly mlp: number;
  /** LM head. */
  readonly head: number;
}

/**
 * Floating-point operations that one forward pass over a bin needs, whatever the implementation: a multiply and an add
 * count as two.
 *
 * - A matrix with W weights applied to n tokens: 2·W·n. The last token of a response is scored and read by nothing, so it is none of them. Query, key and value projections run over all tokens, the
 *   output projection and the three MLP matrices too, except in the last layer, where only the rows that targets read
 *   go on. The LM head sees only those rows.
 * - Attention of one layer: 4·heads·head_dim for each visible (query, key) pair, half for the scores and half for the
 *   weighted sum.
 *
 * Norms, biases, RoPE, softmax and embedding look-ups are not counted (a few per mille), as is usual (Kaplan et al.,
 * arXiv 2001.08361, table 1). A training step costs three times the policy's forward pass plus one for the reference.
 */
export function flopsByPart(shape: LlamaShape, work: BinWork): Flops {
  const { qkv, out, mlp, head } = layerWeights(shape);
  const rows = (shape.layers - 1) * work.tokens + work.readRows;
  return {
    qkv: 2 * qkv * shape.layers * work.tokens,
    attention: 4 * shape.queryHeads * shape.headDim * pairsOfLayers(shape, work),
    out: 2 * out * rows,
    mlp: 2 * mlp * rows,
    head: 2 * head * work.readRows,
  };
}

/** Visible pairs of all layers together. */
function pairsOfLayers(shape: LlamaShape, { visiblePairs, pairsWithin = () => visiblePairs }: BinWork): number {
  const windows = shape.windows ?? [];
  const full = windows.reduce((layers, window) => layers - window.layers, shape.layers);
  return windows.reduce((pairs, { window, layers }) => pairs + layers * pairsWithin(window), full * visiblePairs);
}

/** All parts of {@link flopsByPart} together. */
export function forwardFlops(shape: LlamaShape, work: BinWork): number {
  return sumFlops(flopsByPart(shape, work));
}

export function sumFlops({ qkv, attention, out, mlp, head }: Flops): number {
  return qkv + attention + out + mlp + head;
}

/** Weights of a layer's matrices, and of the LM head, which is there once. */
export function layerWeights(shape: LlamaShape): Omit<Flops, 'attention'> {
  const queries = shape.queryHeads * shape.headDim;
  return {
    qkv: shape.hiddenSize * (queries + 2 * shape.kvHeads * shape.headDim),
    out: queries * shape.hiddenSize,
    mlp: 3 * shape.hiddenSize * shape.intermediateSize,
    head: shape.hiddenSize * shape.vocabSize,
  };
}
