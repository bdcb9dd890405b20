/** The numbers of a Llama `config.json` that decide what a forward pass costs. */
export interface LlamaShape {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly queryHeads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly vocabSize: number;
}

/** What of a bin decides the cost of a forward pass over it. */
export interface BinWork {
  /** Tokens of the bin. */
  readonly tokens: number;
  /** (query, key) pairs the mask lets through: the sum over keys k of `visible_until[k] - k`. */
  readonly visiblePairs: number;
  /** Different rows that targets read. */
  readonly readRows: number;
}

/**
 * Floating-point operations that one forward pass over a bin needs, whatever the implementation: a multiply and an add
 * count as two.
 *
 * - A matrix with W weights applied to n tokens: 2·W·n. Query, key and value projections run over all tokens, the
 *   output projection and the three MLP matrices too, except in the last layer, where only the rows that targets read
 *   go on. The LM head sees only those rows.
 * - Attention of one layer: 4·heads·head_dim for each visible (query, key) pair, half for the scores and half for the
 *   weighted sum.
 *
 * Norms, RoPE, softmax and embedding look-ups are not counted (a few per mille), as is usual (Kaplan et al.,
 * arXiv 2001.08361, table 1). A training step costs three times the policy's forward pass plus one for the reference.
 */
export function forwardFlops(shape: LlamaShape, work: BinWork): number {
  const attentionWidth = shape.queryHeads * shape.headDim;
  const qkv = shape.hiddenSize * (attentionWidth + 2 * shape.kvHeads * shape.headDim);
  const afterAttention = attentionWidth * shape.hiddenSize + 3 * shape.hiddenSize * shape.intermediateSize;
  const head = shape.hiddenSize * shape.vocabSize;
  const linear =
    2 * qkv * shape.layers * work.tokens +
    2 * afterAttention * ((shape.layers - 1) * work.tokens + work.readRows) +
    2 * head * work.readRows;
  return linear + 4 * attentionWidth * shape.layers * work.visiblePairs;
}
