import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WishboneError } from '../../../src/core/errors.js';
import { forwardFlops } from '../../../src/core/model/index.js';
import { binCount, checkPlan, stepCount, totalFlops, type Plan } from '../../../src/core/plan/index.js';
import { naiveFlops, planOf, planOptions, shape, tokenPairs } from './support.js';

const one = { sharing: 'pair', capacity: 64, batch_size: 4, epochs: 1, seed: 1, max_length: 64 } as const;

/** What a bin makes each row see: itself and every visible row before it, in order of position. */
function pathOf(plan: Plan, bin: number, row: number): number[] {
  const start = plan.binStart[bin]!;
  const path: number[] = [];
  for (let k = 0; k <= row; k++) if (row < plan.visibleUntil[start + k]!) path.push(k);
  return path;
}

/** A sequence as the mask, the positions and the targets of the plan give it. */
function expand(plan: Plan): Map<number, { tokens: number[]; firstTarget: number }> {
  const sequences = new Map<number, { tokens: number[]; firstTarget: number }>();
  for (let bin = 0; bin < binCount(plan); bin++) {
    const start = plan.binStart[bin]!;
    for (let i = plan.targetStart[bin]!; i < plan.targetStart[bin + 1]!; i++) {
      const row = plan.targetRow[i]!;
      const path = pathOf(plan, bin, row);
      path.forEach((k, depth) => assert.equal(plan.position[start + k], depth, 'positions count along the path'));
      const context = path.map((k) => plan.tokens[start + k]!);
      const known = sequences.get(plan.targetSequence[i]!);
      if (known) assert.deepEqual(context, known.tokens, 'the context of a target is all that came before');
      const firstTarget = known?.firstTarget ?? context.length;
      sequences.set(plan.targetSequence[i]!, { tokens: [...context, plan.targetToken[i]!], firstTarget });
    }
  }
  return sequences;
}

test('every plan expands back to exactly the sequences it was made of, each response token a target once', async () => {
  await fc.assert(
    fc.asyncProperty(tokenPairs, planOptions, async (pairs, options) => {
      const plan = await planOf(pairs, options);
      checkPlan(plan, 'plan');
      const sequences = expand(plan);
      assert.equal(plan.pairRow.length, pairs.length * options.epochs);
      assert.equal(sequences.size, 2 * plan.pairRow.length);
      plan.pairRow.forEach((row, index) => {
        const pair = pairs.find((candidate) => candidate.row === row)!;
        const expected = (side: 'chosen' | 'rejected') => ({ tokens: [...pair[side]], firstTarget: pair.promptLength });
        assert.deepEqual(sequences.get(plan.pairChosen[index]!), expected('chosen'));
        assert.deepEqual(sequences.get(plan.pairRejected[index]!), expected('rejected'));
      });
    }),
    { numRuns: 300 },
  );
});

test('with sharing none and pair a plan has no token that no sequence needs, and shares all of a pair that can be shared', async () => {
  await fc.assert(
    fc.asyncProperty(tokenPairs, planOptions, async (pairs, options) => {
      fc.pre(options.sharing !== 'tree');
      const { counts } = (await planOf(pairs, options)).metadata;
      let naive = 0;
      let common = 0;
      for (const { chosen, rejected } of pairs) {
        naive += chosen.length + rejected.length;
        const parts = chosen.findIndex((token, at) => token !== rejected[at]);
        common += parts < 0 ? chosen.length : parts;
      }
      assert.equal(counts.naive_tokens, naive * options.epochs);
      assert.equal(counts.plan_tokens, (naive - (options.sharing === 'pair' ? common : 0)) * options.epochs);
    }),
  );
});

test('steps have the same pairs for every sharing and capacity; every epoch trains every pair once', async () => {
  await fc.assert(
    fc.asyncProperty(tokenPairs, planOptions, fc.integer({ min: 100, max: 400 }), async (pairs, options, capacity) => {
      const steps = (plan: Plan): number[][] =>
        Array.from({ length: stepCount(plan) }, (_, s) => [...plan.pairRow.subarray(plan.stepPairStart[s]!, plan.stepPairStart[s + 1]!)]);
      const shared = await planOf(pairs, { ...options, sharing: 'pair' });
      const naive = await planOf(pairs, { ...options, sharing: 'none', capacity });
      assert.deepEqual(steps(shared), steps(naive));
      assert.deepEqual(shared.sequenceReference, naive.sequenceReference);
      const merged = await planOf(pairs, { ...options, sharing: 'tree', capacity });
      assert.deepEqual(steps(merged), steps(naive));
      assert.deepEqual(merged.sequenceReference, naive.sequenceReference);
      assert.equal(stepCount(shared), options.epochs * Math.ceil(pairs.length / options.batch_size));
      for (let epoch = 0; epoch < options.epochs; epoch++) {
        const rows = shared.pairRow.slice(epoch * pairs.length, (epoch + 1) * pairs.length).sort();
        assert.deepEqual(
          [...rows],
          pairs.map(({ row }) => row),
        );
      }
    }),
  );
});

test('equal reference keys mean equal sequences with equal prompts', async () => {
  await fc.assert(
    fc.asyncProperty(tokenPairs, planOptions, async (pairs, options) => {
      const plan = await planOf(pairs, options);
      const sequences = expand(plan);
      const byKey = new Map<number, unknown>();
      plan.sequenceReference.forEach((key, sequence) => {
        if (byKey.has(key)) assert.deepEqual(sequences.get(sequence), byKey.get(key));
        byKey.set(key, sequences.get(sequence));
      });
      assert.deepEqual(
        [...byKey.keys()].sort((a, b) => a - b),
        Array.from({ length: 2 * pairs.length }, (_, key) => key),
      );
    }),
  );
});

test('FLOPs of layers with a window are those of the pairs it leaves', async () => {
  await fc.assert(
    fc.asyncProperty(tokenPairs, planOptions, fc.integer({ min: 1, max: 9 }), async (pairs, options, window) => {
      const windows = [{ window, layers: 2 }];
      const plan = await planOf(pairs, options, windows);
      const plain = await planOf(pairs, options);
      for (let bin = 0; bin < binCount(plan); bin++) {
        let hidden = 0;
        for (const q of requiredRows(plan, bin)) hidden += Math.max(0, pathOf(plan, bin, q).length - window);
        assert.equal(plan.binFlops[bin], plain.binFlops[bin]! - 4 * shape.queryHeads * shape.headDim * 2 * hidden);
      }
      const naive = naiveFlops(pairs, options.epochs, { ...shape, windows });
      if (options.sharing === 'none') assert.ok(Math.abs(totalFlops(plan) - naive) <= 1e-12 * naive);
    }),
  );
});

/** Rows of a bin that targets read, and all that these see. */
function requiredRows(plan: Plan, bin: number): Set<number> {
  const read = plan.targetRow.subarray(plan.targetStart[bin]!, plan.targetStart[bin + 1]!);
  return new Set([...read].flatMap((row) => pathOf(plan, bin, row)));
}

test('bins keep to the capacity; their FLOPs are those of the tokens that targets depend on, their mask and target rows', async () => {
  await fc.assert(
    fc.asyncProperty(tokenPairs, planOptions, async (pairs, options) => {
      const plan = await planOf(pairs, options);
      for (let bin = 0; bin < binCount(plan); bin++) {
        const [start, end] = [plan.binStart[bin]!, plan.binStart[bin + 1]!];
        assert.ok(end - start <= options.capacity);
        const required = requiredRows(plan, bin);
        assert.ok(required.size < end - start);
        let visiblePairs = 0;
        for (const q of required) visiblePairs += pathOf(plan, bin, q).length;
        const readRows = new Set(plan.targetRow.subarray(plan.targetStart[bin]!, plan.targetStart[bin + 1]!)).size;
        assert.equal(plan.binFlops[bin], forwardFlops(shape, { tokens: required.size, visiblePairs, readRows }));
      }
      const naive = naiveFlops(pairs, options.epochs);
      if (options.sharing === 'none') assert.ok(Math.abs(totalFlops(plan) - naive) <= 1e-12 * naive);
      else assert.ok(totalFlops(plan) <= naive * (1 + 1e-12));
    }),
  );
});

test('the shape of a pair: prompt, common response prefix, chosen, rejected', async () => {
  const pair = {
    row: 0,
    line: 1,
    promptLength: 2,
    chosen: Int32Array.of(0, 1, 2, 3),
    rejected: Int32Array.of(0, 1, 2, 4, 5),
  };
  const plan = await planOf([pair], one);
  assert.deepEqual([...plan.tokens], [0, 1, 2, 3, 4, 5]);
  assert.deepEqual([...plan.position], [0, 1, 2, 3, 3, 4]);
  assert.deepEqual([...plan.visibleUntil], [6, 6, 6, 4, 6, 6]);
  assert.deepEqual([...plan.targetRow], [1, 2, 1, 2, 4]);
  assert.deepEqual([...plan.targetToken], [2, 3, 2, 4, 5]);
  assert.deepEqual([...plan.targetSequence], [0, 0, 1, 1, 1]);
  assert.deepEqual([...plan.segmentBegin], [0, 2, 3, 4]);
  assert.deepEqual([...plan.segmentEnd], [2, 3, 4, 6]);
  assert.deepEqual([...plan.segmentParent], [-1, 0, 1, 1]);
  assert.deepEqual([...plan.segmentRole], [0, 3, 1, 2]);
});

test('equal responses, and one that begins the other, leave out empty segments', async () => {
  const same = { row: 0, line: 1, promptLength: 1, chosen: Int32Array.of(0, 1, 2), rejected: Int32Array.of(0, 1, 2) };
  const equal = await planOf([same], one);
  assert.deepEqual([...equal.segmentRole], [0, 3]);
  assert.deepEqual([...equal.targetSequence], [0, 0, 1, 1]);
  assert.equal(equal.tokens.length, 3);
  const longer = await planOf([{ ...same, rejected: Int32Array.of(0, 1, 2, 3) }], one);
  assert.deepEqual([...longer.segmentRole], [0, 3, 2]);
  assert.deepEqual([...longer.targetToken], [1, 2, 1, 2, 3]);
});

test('a pair longer than a bin is one error that says what to set', async () => {
  const long = { row: 4, line: 9, promptLength: 2, chosen: new Int32Array(40), rejected: new Int32Array(40) };
  await assert.rejects(planOf([long], { ...one, sharing: 'none' }), (error) => {
    assert.ok(error instanceof WishboneError);
    assert.match(error.what, /needs 80 tokens, but a bin holds 64/);
    assert.equal(error.where, 'pairs.jsonl:9');
    assert.match(error.advice, /capacity to at least 80/);
    return true;
  });
  assert.equal((await planOf([long], one)).tokens.length, 40);
});

test('max_steps: as many epochs as it takes, the last one cut off', async () => {
  await fc.assert(
    fc.asyncProperty(tokenPairs, planOptions, fc.integer({ min: 1, max: 12 }), async (pairs, options, steps) => {
      const plan = await planOf(pairs, { ...options, max_steps: steps });
      checkPlan(plan, 'plan');
      assert.equal(stepCount(plan), steps);
      const whole = await planOf(pairs, { ...options, epochs: 12 });
      const count = plan.pairRow.length;
      assert.deepEqual(plan.pairRow, whole.pairRow.subarray(0, count), 'the same pairs in the same order');
      assert.deepEqual(plan.tokens, whole.tokens.subarray(0, plan.tokens.length));
      assert.deepEqual(plan.targetToken, whole.targetToken.subarray(0, plan.targetToken.length));
      assert.equal(plan.metadata.epochs, count / pairs.length);
      const naive = [...plan.pairRow].map((row) => pairs.find((pair) => pair.row === row)!);
      assert.equal(
        plan.metadata.counts.naive_tokens,
        naive.reduce((sum, { chosen, rejected }) => sum + chosen.length + rejected.length, 0),
      );
    }),
    { numRuns: 50 },
  );
});

test('no usable pair is an error', async () => {
  await assert.rejects(planOf([], one), /no pair can be used/);
});

test('building can be cancelled', async () => {
  const pairs = Array.from({ length: 20000 }, (_, i) => ({
    row: i,
    line: i,
    promptLength: 1,
    chosen: new Int32Array(9),
    rejected: new Int32Array(9),
  }));
  const { buildPlan } = await import('../../../src/core/plan/index.js');
  const cancel = new AbortController();
  const building = buildPlan(
    { pairs, skipped: 0, truncated: 0, shape, sha256: { dataset: '', tokenizer: '' }, datasetFile: 'x' },
    { ...one, epochs: 50 },
    { signal: cancel.signal },
  );
  setImmediate(() => cancel.abort(new Error('enough')));
  await assert.rejects(building, /enough/);
});
