/** Neighbours of a pair: those trained on shortly before and after it, so many on each side. */
export const NEIGHBOURS = 64;

export interface LabelEvidence {
  /**
   * How much a pair's margin speaks for its label: the log-odds that it is right and not swapped, were the margins around it of one
   * normal distribution. 0 as long as these are not above 0, for then nothing is learned yet; below 0 where they rose and its own fell.
   */
  readonly evidence: Float32Array;
  /** Mean margin of the neighbours, its own among them. */
  readonly around: Float32Array;
}

/**
 * @param margins in the order in which they were measured
 * @param neighbours on each side; `Infinity` where all were measured at once
 */
export function labelEvidence(margins: Float32Array, neighbours: number): LabelEvidence {
  const n = margins.length;
  const sums = new Float64Array(n + 1);
  const squares = new Float64Array(n + 1);
  margins.forEach((margin, i) => {
    // One that is no number says nothing, and must not make all after it none.
    const known = Number.isFinite(margin) ? margin : 0;
    sums[i + 1] = sums[i]! + known;
    squares[i + 1] = squares[i]! + known * known;
  });
  const evidence = new Float32Array(n);
  const around = new Float32Array(n);
  for (let i = 0; i < n; i++) {
    const from = Math.max(0, i - neighbours);
    const to = Math.min(n, i + neighbours + 1);
    const mean = (sums[to]! - sums[from]!) / (to - from);
    const variance = (squares[to]! - squares[from]!) / (to - from) - mean * mean;
    around[i] = mean;
    evidence[i] = mean > 0 && variance > 0 && Number.isFinite(margins[i]!) ? (2 * mean * margins[i]!) / variance : 0;
  }
  return { evidence, around };
}
