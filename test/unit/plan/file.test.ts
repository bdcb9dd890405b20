import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { WishboneError } from '../../../src/core/errors.js';
import { checkPlan, readPlan, writePlan, type Plan, type PlanArrays } from '../../../src/core/plan/index.js';
import { writeSafetensors, readSafetensors } from '../../../src/core/files/safetensors.js';
import { planOf, planOptions, tokenPairs } from './support.js';

async function scratch(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'wishbone-plan-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

test('a plan comes back from its file as it was, and is the same bytes every time', async (t) => {
  const folder = await scratch(t);
  const file = path.join(folder, 'plan.safetensors');
  await fc.assert(
    fc.asyncProperty(tokenPairs, planOptions, async (pairs, options) => {
      await writePlan(file, await planOf(pairs, options));
      const bytes = await readFile(file);
      assert.deepEqual(await readPlan(file), await planOf(pairs, options));
      await writePlan(file, await planOf(pairs, options));
      assert.deepEqual(await readFile(file), bytes);
    }),
    { numRuns: 30 },
  );
  assert.deepEqual(await readdir(folder), ['plan.safetensors'], 'no temporary file is left');
});

test('sources of pairs come back from the file, in the order of the plan; what does not fit is refused', async (t) => {
  const file = path.join(await scratch(t), 'plan.safetensors');
  const named = [...pairs, ...pairs].map((pair, row) => ({ ...pair, row, ...(row === 2 ? {} : { source: row < 2 ? 'a' : 'b' }) }));
  const plan = await planOf(named, { ...options, epochs: 2 });
  assert.deepEqual(plan.metadata.sources, ['a', 'other', 'b']);
  await writePlan(file, plan);
  const { pairSource, pairRow } = await readPlan(file);
  assert.deepEqual(
    [...(pairSource ?? [])],
    [...pairRow].map((row) => [0, 0, 1, 2][row]),
  );
  for (const wrong of [Int32Array.of(0), new Int32Array(8).fill(3), undefined]) {
    const { pairSource: _, ...rest } = plan;
    const damaged = wrong === undefined ? rest : { ...rest, pairSource: wrong };
    assert.throws(() => checkPlan(damaged, file), /pair_source/);
  }
  const ids = Array.from({ length: 70 }, (_, row) => ({ ...pairs[0]!, row, source: `id ${row}` }));
  assert.equal((await planOf(ids, options)).metadata.sources, undefined, 'ids are no sources');
});

const pairs = [
  { row: 0, line: 1, promptLength: 2, chosen: Int32Array.of(0, 1, 2, 3), rejected: Int32Array.of(0, 1, 2, 4, 5) },
  { row: 1, line: 2, promptLength: 1, chosen: Int32Array.of(5, 1), rejected: Int32Array.of(5, 2, 2) },
];
const options = { sharing: 'pair', capacity: 16, batch_size: 1, epochs: 1, seed: 4, max_length: 16 } as const;

/** Each breaks one invariant of docs/formats.md; the pattern is what the error must say. */
const damages: readonly [name: string, pattern: RegExp, damage: (plan: Plan) => Partial<PlanArrays>][] = [
  ['a start that is not 0', /bin_start does not begin at 0/, (plan) => ({ binStart: plan.binStart.map((x) => x + 1) })],
  ['starts that fall', /target_start falls/, ({ targetStart }) => ({ targetStart: targetStart.map((x, i) => (i === 1 ? 99 : x)) })],
  ['starts that end early', /step_pair_start ends at 1/, () => ({ stepPairStart: Int32Array.of(0, 0, 1) })],
  ['no steps', /step_bin_start is empty/, () => ({ stepBinStart: Int32Array.of(0) })],
  ['starts of another count', /segment_start has 2 elements/, () => ({ segmentStart: Int32Array.of(0, 1) })],
  ['a bin without tokens', /bin 1 has no tokens/, ({ tokens }) => ({ binStart: Int32Array.of(0, tokens.length, tokens.length) })],
  [
    'a token beyond the vocabulary',
    /token 6 .* outside the vocabulary/,
    ({ tokens }) => ({ tokens: tokens.map((x, i) => (i === 1 ? 6 : x)) }),
  ],
  ['a negative token', /token -1 .* outside the vocabulary/, ({ tokens }) => ({ tokens: tokens.map((x, i) => (i === 1 ? -1 : x)) })],
  [
    'a row that does not see itself',
    /visible_until row 1 .* visible until 1/,
    ({ visibleUntil }) => ({ visibleUntil: with_(visibleUntil, 1, 1) }),
  ],
  ['a row visible beyond its bin', /visible until 99/, ({ visibleUntil }) => ({ visibleUntil: with_(visibleUntil, 0, 99) })],
  ['ranges that cross', /does not nest/, ({ visibleUntil }) => ({ visibleUntil: with_(visibleUntil, 0, 2) })],
  ['a position beyond its row', /depth 2/, ({ position }) => ({ position: with_(position, 1, 2) })],
  ['a target outside its bin', /outside bin 0/, ({ targetRow }) => ({ targetRow: with_(targetRow, 0, 50) })],
  ['a target token beyond the vocabulary', /target_token token 9/, ({ targetToken }) => ({ targetToken: with_(targetToken, 0, 9) })],
  [
    'an unknown sequence',
    /there is no sequence 77/,
    ({ targetSequence }) => ({ targetSequence: targetSequence.map((x) => (x === 0 ? 77 : x)) }),
  ],
  [
    'a sequence without targets',
    /sequence \d has no target/,
    ({ sequenceReference }) => ({ sequenceReference: Int32Array.of(...sequenceReference, 0) }),
  ],
  ['targets out of order', /not ordered/, ({ targetRow }) => ({ targetRow: with_(targetRow, 0, targetRow[1]!) })],
  ['a pair in another step', /lies in another step/, ({ pairChosen }) => ({ pairChosen: Int32Array.from(pairChosen).reverse() })],
  [
    'a sequence key too large',
    /sequence_reference sequence 0 has key 4/,
    ({ sequenceReference }) => ({ sequenceReference: with_(sequenceReference, 0, 4) }),
  ],
  ['arrays of different lengths', /position has \d+ elements, but tokens has/, ({ position }) => ({ position: position.slice(1) })],
  ['costs that are no number', /bin 0 costs NaN/, ({ binFlops }) => ({ binFlops: binFlops.map(() => NaN) })],
  ['a segment gap', /do not cover it/, ({ segmentBegin }) => ({ segmentBegin: with_(segmentBegin, 1, segmentBegin[1]! + 1) })],
  ['a parent that comes later', /has parent 1/, ({ segmentParent }) => ({ segmentParent: with_(segmentParent, 0, 1) })],
  ['an unknown pair', /no pair 2/, ({ segmentPair }) => ({ segmentPair: with_(segmentPair, 0, 2) })],
  ['a negative pair', /no pair -2/, ({ segmentPair }) => ({ segmentPair: with_(segmentPair, 0, -2) })],
  ['an unknown role', /no role 4/, ({ segmentRole }) => ({ segmentRole: with_(segmentRole, 0, 4) })],
];

function with_(array: Int32Array, index: number, value: number): Int32Array {
  const copy = array.slice();
  copy[index] = value;
  return copy;
}

for (const [name, pattern, damage] of damages) {
  test(`${name}: refused, naming the tensor`, async () => {
    const plan = await planOf(pairs, options);
    checkPlan(plan, 'plan');
    const damaged = { ...plan, ...damage(plan) };
    assert.throws(
      () => checkPlan(damaged, 'some.safetensors'),
      (error) => {
        assert.ok(error instanceof WishboneError);
        assert.match(error.what, pattern);
        assert.match(error.where, /^some\.safetensors, tensor "/);
        return true;
      },
    );
  });
}

test('reading checks what was written by others', async (t) => {
  const file = path.join(await scratch(t), 'plan.safetensors');
  await writePlan(file, await planOf(pairs, options));
  const { metadata, tensors } = await readSafetensors(file);
  const position = tensors.get('position')!;
  (position.data as Int32Array)[1] = 40;
  await writeSafetensors(file, { metadata, tensors });
  await assert.rejects(readPlan(file), /position row 1/);
  await writeSafetensors(file, { metadata, tensors: new Map([...tensors].filter(([name]) => name !== 'position')) });
  await assert.rejects(readPlan(file), /lacks a tensor/);
  await writeSafetensors(file, { metadata: {}, tensors });
  await assert.rejects(readPlan(file), /not a Wishbone plan/);
  await writeSafetensors(file, {
    metadata: { wishbone: metadata['wishbone']!.replace('"version":1', '"version":2') },
    tensors,
  });
  await assert.rejects(readPlan(file), /newer version of Wishbone.*version 2/);
  // Another version may hold other things: that it is another one is what counts.
  const old = { ...(JSON.parse(metadata['wishbone']!) as object), version: 0, sharing: 'forest', capacity: undefined };
  await writeSafetensors(file, { metadata: { wishbone: JSON.stringify(old) }, tensors });
  await assert.rejects(readPlan(file), /older version of Wishbone.*version 0/);
  await writeSafetensors(file, {
    metadata: { wishbone: metadata['wishbone']!.replace('"sharing":"pair"', '"sharing":"forest"') },
    tensors,
  });
  await assert.rejects(readPlan(file), /"none", "pair" or "tree"/);
});

test('a failing write leaves the old file and nothing else', async (t) => {
  const folder = await scratch(t);
  const file = path.join(folder, 'plan.safetensors');
  await writeFile(file, 'old');
  const plan = await planOf(pairs, options);
  await assert.rejects(writePlan(file, { ...plan, tokens: plan.tokens.map(() => 99) }), WishboneError);
  assert.deepEqual(await readdir(folder), ['plan.safetensors']);
  assert.equal(await readFile(file, 'utf8'), 'old');
  await assert.rejects(writePlan(path.join(folder, 'none', 'plan.safetensors'), plan), (error) => {
    assert.ok(error instanceof WishboneError);
    assert.equal(error.exitCode, 5);
    return true;
  });
});

test('plan files with bytes changed, cut off or added are read as plans that hold, or refused with one clear error', async (t) => {
  const file = path.join(await scratch(t), 'plan.safetensors');
  let [refused, read] = [0, 0];
  await fc.assert(
    fc.asyncProperty(
      tokenPairs,
      planOptions,
      fc.array(fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), byte: fc.nat(255) }), { maxLength: 4 }),
      fc.oneof({ weight: 4, arbitrary: fc.constant(1) }, fc.double({ min: 0, max: 1.2, noNaN: true })),
      async (pairs, options, changes, length) => {
        await writePlan(file, await planOf(pairs, options));
        const whole = await readFile(file);
        const bytes = Buffer.alloc(Math.floor(whole.length * length));
        whole.copy(bytes);
        for (const { at, byte } of changes) bytes[Math.floor(at * (bytes.length - 1))] = byte;
        await writeFile(file, bytes);
        try {
          checkPlan(await readPlan(file), file);
          read++;
        } catch (error) {
          assert.ok(error instanceof WishboneError, String((error as Error).stack));
          assert.ok(error.where.startsWith(file) && error.what !== '' && error.advice !== '');
          refused++;
        }
      },
    ),
    { numRuns: 60 },
  );
  assert.ok(refused > 10 && read > 0, `${refused} refused, ${read} read`);
});

test('plans with numbers changed anywhere are refused with one clear error, or hold all that is promised', () =>
  fc.assert(
    fc.asyncProperty(
      tokenPairs,
      planOptions,
      fc.nat(),
      fc.nat(),
      fc.oneof(fc.integer({ min: -2, max: 60 }), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
      async (pairs, options, which, at, value) => {
        const plan = await planOf(pairs, options);
        const { metadata, ...arrays } = plan;
        const names = Object.keys(arrays) as (keyof PlanArrays)[];
        const name = names[which % names.length]!;
        const changed = arrays[name].slice();
        if (changed.length > 0) changed[at % changed.length] = value;
        try {
          checkPlan({ ...plan, [name]: changed }, 'some.safetensors');
        } catch (error) {
          assert.ok(error instanceof WishboneError, String((error as Error).stack));
        }
      },
    ),
    { numRuns: 500 },
  ));
