import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { binCount, checkPlan, SegmentRole, stepCount, totalFlops, type Plan } from '../../../src/core/plan/index.js';
import type { TokenPair } from '../../../src/core/tokenizer/index.js';
import { longest, planOf, planOptions, tokenPairs } from './support.js';

const one = { sharing: 'tree', capacity: 64, batch_size: 8, epochs: 1, seed: 1, max_length: 64 } as const;

/** A sequence of the plan: what it was made of and where it must lie. */
interface Member {
  readonly tokens: Int32Array;
  readonly promptLength: number;
  readonly side: 'chosen' | 'rejected';
  readonly pair: number;
}

/** The sequences of each bin, by what the plan's targets say. */
function members(plan: Plan, pairs: readonly TokenPair[]): Member[][] {
  const bySequence = new Map<number, Member>();
  plan.pairRow.forEach((row, pair) => {
    const { promptLength, ...source } = pairs.find((candidate) => candidate.row === row)!;
    bySequence.set(plan.pairChosen[pair]!, { tokens: source.chosen, promptLength, side: 'chosen', pair });
    bySequence.set(plan.pairRejected[pair]!, { tokens: source.rejected, promptLength, side: 'rejected', pair });
  });
  return Array.from({ length: binCount(plan) }, (_, bin) => {
    const ids = new Set(plan.targetSequence.subarray(plan.targetStart[bin]!, plan.targetStart[bin + 1]!));
    return [...ids].map((id) => bySequence.get(id)!);
  });
}

/** The different beginnings of the sequences: the tokens of their trees. */
function beginnings(sequences: readonly Member[]): Map<string, Member[]> {
  const through = new Map<string, Member[]>();
  for (const member of sequences) {
    let beginning = '';
    for (const token of member.tokens) {
      beginning += ` ${token}`;
      through.set(beginning, [...(through.get(beginning) ?? []), member]);
    }
  }
  return through;
}

function binTokens(plan: Plan, bin: number): number {
  return plan.binStart[bin + 1]! - plan.binStart[bin]!;
}

test('a bin holds every different beginning of its sequences exactly once', async () => {
  await fc.assert(
    fc.asyncProperty(tokenPairs, planOptions, async (pairs, options) => {
      const plan = await planOf(pairs, { ...options, sharing: 'tree' });
      members(plan, pairs).forEach((sequences, bin) => {
        assert.equal(binTokens(plan, bin), beginnings(sequences).size);
      });
    }),
  );
});

test('tree needs no more tokens and FLOPs than pair, pair no more than none; a step that fits is one bin', async () => {
  await fc.assert(
    fc.asyncProperty(tokenPairs, planOptions, async (pairs, options) => {
      const [tree, pair, none] = await Promise.all(
        (['tree', 'pair', 'none'] as const).map((sharing) => planOf(pairs, { ...options, sharing })),
      );
      assert.ok(tree!.tokens.length <= pair!.tokens.length);
      assert.ok(pair!.tokens.length <= none!.tokens.length);
      assert.ok(totalFlops(tree!) <= totalFlops(pair!) * (1 + 1e-12));
      assert.ok(totalFlops(pair!) <= totalFlops(none!) * (1 + 1e-12));
      const sequences = members(tree!, pairs);
      for (let step = 0; step < stepCount(tree!); step++) {
        const inStep = sequences.slice(tree!.stepBinStart[step], tree!.stepBinStart[step + 1]);
        if (beginnings(inStep.flat()).size <= options.capacity) assert.equal(inStep.length, 1);
      }
    }),
    { numRuns: 200 },
  );
});

test('small bins: sequences are whole, pairs lie in two bins only when they do not fit into one', async () => {
  let divided = 0;
  await fc.assert(
    fc.asyncProperty(tokenPairs, planOptions, fc.integer({ min: 0, max: 30 }), async (pairs, options, more) => {
      const capacity = longest(pairs) + more;
      const plan = await planOf(pairs, { ...options, sharing: 'tree', capacity });
      checkPlan(plan, 'plan');
      const binOf = new Map<number, number>();
      const targets = new Map<number, number[]>();
      for (let bin = 0; bin < binCount(plan); bin++) {
        assert.ok(binTokens(plan, bin) <= capacity);
        for (let i = plan.targetStart[bin]!; i < plan.targetStart[bin + 1]!; i++) {
          const sequence = plan.targetSequence[i]!;
          binOf.set(sequence, bin);
          targets.set(sequence, [...(targets.get(sequence) ?? []), plan.targetToken[i]!]);
        }
      }
      plan.pairRow.forEach((row, index) => {
        const pair = pairs.find((candidate) => candidate.row === row)!;
        const [chosen, rejected] = [plan.pairChosen[index]!, plan.pairRejected[index]!];
        assert.deepEqual(targets.get(chosen), [...pair.chosen.subarray(pair.promptLength)]);
        assert.deepEqual(targets.get(rejected), [...pair.rejected.subarray(pair.promptLength)]);
        if (binOf.get(chosen) === binOf.get(rejected)) return;
        divided++;
        const own = (side: 'chosen' | 'rejected'): Member => ({ ...pair, tokens: pair[side], side, pair: index });
        assert.ok(beginnings([own('chosen'), own('rejected')]).size > capacity);
      });
    }),
    { numRuns: 300 },
  );
  assert.ok(divided > 0, 'some pairs had to be divided');
});

test('segments: each sequence scores one whole or not at all; role and pair say what for and whose', async () => {
  await fc.assert(
    fc.asyncProperty(tokenPairs, planOptions, async (pairs, options) => {
      const plan = await planOf(pairs, options);
      members(plan, pairs).forEach((sequences, bin) => {
        const start = plan.binStart[bin]!;
        for (let g = plan.segmentStart[bin]!; g < plan.segmentStart[bin + 1]!; g++) {
          const [begin, end] = [plan.segmentBegin[g]!, plan.segmentEnd[g]!];
          const depth = plan.position[start + begin]!;
          const ancestors: number[] = [];
          for (let k = 0; k < end; k++) if (end <= plan.visibleUntil[start + k]!) ancestors.push(plan.tokens[start + k]!);
          const through = sequences.filter(
            ({ tokens, pair }) =>
              // Without merging, equal beginnings of other pairs are other segments.
              (options.sharing === 'tree' || pair === plan.segmentPair[g]) &&
              ancestors.length <= tokens.length &&
              ancestors.every((token, at) => tokens[at] === token),
          );
          assert.ok(through.length > 0, 'nothing is there for nobody');
          const parts = new Set(
            through.map(({ promptLength, side }) => {
              assert.ok(promptLength <= depth || promptLength >= depth + end - begin);
              return promptLength <= depth ? side : 'prompt';
            }),
          );
          if (options.sharing === 'none') continue;
          const [part] = parts;
          assert.equal(plan.segmentRole[g], parts.size > 1 ? SegmentRole.common : SegmentRole[part!]);
          const owners = new Set(through.map(({ pair }) => pair));
          assert.equal(plan.segmentPair[g], owners.size > 1 ? -1 : [...owners][0]);
        }
      });
    }),
  );
});

/** A plan of pairs in one step and bin, the pairs in the order given. */
async function planInOrder(pairs: readonly Omit<TokenPair, 'row' | 'line'>[]): Promise<Plan> {
  const rows = pairs.map((pair, row) => ({ ...pair, row, line: row + 1 }));
  for (let seed = 0; ; seed++) {
    const plan = await planOf(rows, { ...one, seed });
    if (plan.pairRow.every((row, index) => row === index)) return plan;
  }
}

test('a conversation that goes on: what was a response is scored by its own pair only', async () => {
  const plan = await planInOrder([
    { promptLength: 2, chosen: Int32Array.of(0, 1, 2, 3), rejected: Int32Array.of(0, 1, 4) },
    { promptLength: 5, chosen: Int32Array.of(0, 1, 2, 3, 5, 1), rejected: Int32Array.of(0, 1, 2, 3, 5, 2) },
  ]);
  assert.deepEqual([...plan.tokens], [0, 1, 2, 3, 5, 1, 2, 4]);
  assert.deepEqual([...plan.position], [0, 1, 2, 3, 4, 5, 5, 2]);
  assert.deepEqual([...plan.visibleUntil], [8, 8, 7, 7, 7, 6, 7, 8]);
  assert.deepEqual([...plan.targetRow], [1, 2, 1, 4, 4]);
  assert.deepEqual([...plan.targetToken], [2, 3, 4, 1, 2]);
  assert.deepEqual([...plan.targetSequence], [0, 0, 1, 2, 3]);
  assert.deepEqual([...plan.segmentBegin], [0, 2, 4, 5, 6, 7]);
  assert.deepEqual([...plan.segmentParent], [-1, 0, 1, 2, 2, 0]);
  assert.deepEqual([...plan.segmentRole], [0, 3, 0, 1, 2, 2]);
  assert.deepEqual([...plan.segmentPair], [-1, -1, 1, 1, 1, 0]);
});

test('pairs with one prompt, equal responses, one the start of the other', async () => {
  const plan = await planInOrder([
    { promptLength: 1, chosen: Int32Array.of(0, 1, 2), rejected: Int32Array.of(0, 1) },
    { promptLength: 1, chosen: Int32Array.of(0, 1, 2), rejected: Int32Array.of(0, 3) },
    { promptLength: 1, chosen: Int32Array.of(0, 1, 2), rejected: Int32Array.of(0, 1, 2) },
  ]);
  assert.deepEqual([...plan.tokens], [0, 1, 2, 3]);
  assert.deepEqual([...plan.visibleUntil], [4, 3, 3, 4]);
  assert.deepEqual([...plan.targetSequence], [0, 0, 1, 2, 2, 3, 4, 4, 5, 5]);
  assert.deepEqual([...plan.targetRow], [0, 1, 0, 0, 1, 0, 0, 1, 0, 1]);
  assert.deepEqual([...plan.targetToken], [1, 2, 1, 1, 2, 3, 1, 2, 1, 2]);
  assert.deepEqual([...plan.segmentRole], [0, 3, 3, 2]);
  assert.deepEqual([...plan.segmentPair], [-1, -1, -1, 1]);
});

test('a sequence longer than a bin is an error; a pair that is too long is not', async () => {
  const pair = { row: 0, line: 1, promptLength: 1, chosen: new Int32Array(40), rejected: new Int32Array(40).fill(1, 1) };
  const plan = await planOf([pair], one);
  assert.equal(binCount(plan), 2);
  assert.equal(plan.tokens.length, 80);
  await assert.rejects(planOf([pair], { ...one, capacity: 39 }), /a sequence of the pair needs 40 tokens.* 39/);
});

test('thousands of sequences that extend each other make one deep tree', async () => {
  const tokens = new Int32Array(4001);
  const pairs = Array.from({ length: 2000 }, (_, row) => ({
    row,
    line: row + 1,
    promptLength: 2 * row + 1,
    chosen: tokens.subarray(0, 2 * row + 2),
    rejected: tokens.subarray(0, 2 * row + 3),
  }));
  const plan = await planOf(pairs, { ...one, capacity: 4096, batch_size: 2000 });
  checkPlan(plan, 'plan');
  assert.equal(plan.tokens.length, 4001);
  assert.deepEqual(new Set(plan.visibleUntil), new Set([4001]));
});

test("losses over a response's length: with every sharing a sequence has as many targets as its response has tokens", async () => {
  await fc.assert(
    fc.asyncProperty(tokenPairs, planOptions, async (pairs, options) => {
      // Each token scored by its own value, as a log-probability that depends on what it follows: sum and mean by sequence.
      const scores = async (sharing: 'none' | 'pair' | 'tree'): Promise<Map<string, number>> => {
        const plan = await planOf(pairs, { ...options, sharing });
        const sums = new Map<number, { sum: number; count: number }>();
        for (let bin = 0; bin < binCount(plan); bin++) {
          for (let i = plan.targetStart[bin]!; i < plan.targetStart[bin + 1]!; i++) {
            const row = plan.binStart[bin]! + plan.targetRow[i]!;
            const known = sums.get(plan.targetSequence[i]!) ?? { sum: 0, count: 0 };
            known.sum += 1 + plan.targetToken[i]! + 10 * plan.tokens[row]! + 100 * plan.position[row]!;
            known.count++;
            sums.set(plan.targetSequence[i]!, known);
          }
        }
        return new Map(
          [...plan.pairRow].flatMap((_, pair) =>
            (
              [
                ['chosen', plan.pairChosen],
                ['rejected', plan.pairRejected],
              ] as const
            ).map(([side, ids]) => {
              const { sum, count } = sums.get(ids[pair]!)!;
              const source = pairs.find(({ row }) => row === plan.pairRow[pair])!;
              assert.equal(count, source[side].length - source.promptLength);
              return [`${pair} ${side}`, sum / count] as const;
            }),
          ),
        );
      };
      const naive = await scores('none');
      assert.deepEqual(await scores('pair'), naive);
      assert.deepEqual(await scores('tree'), naive);
    }),
  );
});
