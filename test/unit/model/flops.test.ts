import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flopsByPart, forwardFlops } from '../../../src/core/model/index.js';

const shape = { hiddenSize: 8, intermediateSize: 12, layers: 3, queryHeads: 4, kvHeads: 2, headDim: 2, vocabSize: 100 };

/** Counts by walking over every matrix product of a forward pass: 2·rows·inner·columns each. */
function counted(tokens: number, visiblePairs: number, readRows: number): number {
  const product = (rows: number, inner: number, columns: number): number => 2 * rows * inner * columns;
  let flops = 0;
  for (let layer = 0; layer < 3; layer++) {
    const rows = layer === 2 ? readRows : tokens;
    flops += product(tokens, 8, 8) + product(tokens, 8, 4) + product(tokens, 8, 4);
    for (let head = 0; head < 4; head++) flops += product(visiblePairs, 2, 1) + product(visiblePairs, 1, 2);
    flops += product(rows, 8, 8) + product(rows, 8, 12) + product(rows, 8, 12) + product(rows, 12, 8);
  }
  return flops + product(readRows, 8, 100);
}

test('forward FLOPs are the matrix products of a forward pass', () => {
  for (const [tokens, visiblePairs, readRows] of [
    [10, 55, 4],
    [1, 1, 1],
    [300, 9000, 120],
  ] as const) {
    assert.equal(forwardFlops(shape, { tokens, visiblePairs, readRows }), counted(tokens, visiblePairs, readRows));
  }
});

test('a sliding window leaves the pairs of its last positions, in the layers that have it', () => {
  // One sequence of 10 tokens: 55 pairs, and with a window of 4 it is 1 + 2 + 3 + 7 · 4 = 34.
  const pairsWithin = (window: number): number => {
    let pairs = 0;
    for (let position = 0; position < 10; position++) pairs += Math.min(position + 1, window);
    return pairs;
  };
  const work = { tokens: 10, visiblePairs: 55, readRows: 4, pairsWithin };
  const windowed = { ...shape, windows: [{ window: 4, layers: 2 }] };
  const hidden = 4 * 4 * 2 * 2 * (55 - 34);
  assert.equal(forwardFlops(windowed, work), forwardFlops(shape, work) - hidden);
});

test('FLOPs by part', () => {
  assert.deepEqual(flopsByPart(shape, { tokens: 10, visiblePairs: 55, readRows: 4 }), {
    qkv: 3 * 2 * 10 * 8 * (8 + 4 + 4),
    attention: 3 * 4 * (2 * 55 * 2 + 2 * 55 * 2),
    out: 2 * (10 + 10 + 4) * 8 * 8,
    mlp: 2 * (10 + 10 + 4) * 3 * 8 * 12,
    head: 2 * 4 * 8 * 100,
  });
});
