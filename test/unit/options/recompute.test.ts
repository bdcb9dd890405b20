import assert from 'node:assert/strict';
import { test } from 'node:test';

import { forwardAgain, recomputedText } from '../../../src/core/options/index.js';

test('what is computed again is said by its layers', () => {
  assert.equal(recomputedText({ layers: 32, mlp: 0, block: 0 }), undefined);
  assert.equal(recomputedText({ layers: 32, mlp: 12, block: 0 }), 'activations of the MLPs of 12 of 32 layers');
  assert.equal(recomputedText({ layers: 32, mlp: 19, block: 12 }), 'activations of 12 of 32 layers and of the MLPs of 19 more');
  assert.equal(recomputedText({ layers: 32, mlp: 0, block: 31 }), 'activations of 31 of 32 layers');
});

test('what is computed again is part of a forward pass', () => {
  const chosen = { layers: 32, mlp: 16, block: 8 };
  assert.deepEqual(
    (['none', 'mlp', 'block', 'auto'] as const).map((recompute) => forwardAgain(recompute, chosen)),
    [0, 0.5, 0.7, (0.5 * 16 + 0.7 * 8) / 32],
  );
  assert.equal(forwardAgain('auto', undefined), 0);
  assert.equal(forwardAgain('auto', { layers: 0, mlp: 0, block: 0 }), 0);
});
