import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { WishboneError } from '../../../src/core/errors.js';
import { explainChosen, type WhyAnswer } from '../../../src/core/why/index.js';
import { temporaryFolder } from '../run/support.js';
import { changed, madeRun, responsePair } from './support.js';

const PAIRS = 80;
const many = Array.from({ length: 240 }, (_, row) => row);
const rows = Array.from({ length: PAIRS }, (_, row) => row);
/** Something that differs from row to row and has a mean of about 0. */
const noise = (row: number): number => Math.sin(row * 78.233) / 10;

async function explained(
  t: TestContext,
  pairs: Parameters<typeof madeRun>[1],
  valuesOf: Parameters<typeof madeRun>[2],
  options: Parameters<typeof madeRun>[3] = {},
): Promise<WhyAnswer> {
  const folder = path.join(await temporaryFolder(t), 'run');
  await madeRun(folder, pairs, valuesOf, options);
  return explainChosen({ folder, tokenPairs: 0 });
}

const closeTo = (actual: number, expected: number, within: number): void =>
  assert.ok(Math.abs(actual - expected) <= within, `${actual} is not ${expected}`);

test('changes are those from the reference, of pairs last seen at the end, and their parts add up', async (t) => {
  const seen: number[] = [];
  const answer = await explained(
    t,
    rows.map((row) => responsePair(row, { common: row % 2 === 0 ? 6 : 0 })),
    (row, step) => {
      if (step > 12) seen.push(row);
      // Before the last quarter of the steps all is otherwise.
      return step > 12 ? changed(row % 2 === 0 ? -4 + noise(row) : -1 + noise(row), -6) : changed(+50, +50);
    },
    { epochs: 2 },
  );
  assert.equal(answer.verdict, 'fell');
  assert.deepEqual([answer.of, answer.start, answer.step, answer.steps, answer.seen], ['train', 'reference', 16, 16, PAIRS]);
  assert.equal(answer.chosen!.n, seen.length);
  const expected = seen.reduce((sum, row) => sum + (row % 2 === 0 ? -4 : -1) + noise(row), 0) / seen.length;
  closeTo(answer.chosen!.mean, expected, 1e-4);
  closeTo(answer.rejected!.mean, -6, 1e-4);
  closeTo(answer.perToken, expected / 8, 1e-4);
  for (const { groups } of answer.parts) {
    closeTo(
      groups.reduce((sum, { part }) => sum + part, 0),
      1,
      1e-9,
    );
    assert.equal(
      groups.reduce((sum, { chosen }) => sum + chosen.n, 0),
      seen.length,
    );
  }
  const overlap = answer.parts.find(({ by }) => by === 'overlap')!;
  assert.deepEqual(
    overlap.groups.map(({ label }) => label),
    ['much the same (0.25 to 0.5)', 'different (0.75 and more)'],
  );
  closeTo(overlap.groups[0]!.chosen.mean, -4, 0.1);
  closeTo(overlap.groups[1]!.chosen.mean, -1, 0.1);
  assert.ok(answer.patterns.some(({ what }) => what.startsWith("The nearer a pair's responses")));
  assert.deepEqual(
    answer.remedies.slice(0, 3).map(({ name }) => name),
    ['sft', 'apo_zero', 'nca_pair'],
  );
});

test('a source, long responses and unlikely ones are named where the fall is theirs', async (t) => {
  const bySource = await explained(
    t,
    many.map((row) => responsePair(row, { source: row % 4 === 0 ? 'forum' : 'books' })),
    (row) => changed(row % 4 === 0 ? -9 + noise(row) : -0.5 + noise(row), -10),
  );
  const source = bySource.patterns.find(({ what }) => what.includes('The source forum'));
  assert.match(source!.what, /forum, \d+ % of pairs, makes \d\d % of the fall/);
  assert.deepEqual(source!.remedies, ['sft_steps', 'sft']);
  assert.ok(!bySource.patterns.some(({ what }) => what.includes('longest')));

  const byLength = await explained(
    t,
    many.map((row) => responsePair(row, { chosen: 5 + (row % 40) })),
    (row) => changed(-(1.3 ** ((row % 40) / 4)) + noise(row), -30),
  );
  const long = byLength.patterns.find(({ what }) => what.includes('longest chosen responses'));
  assert.deepEqual(long!.remedies, ['ld_alpha', 'sigmoid_norm']);
  assert.ok(!byLength.patterns.some(({ what }) => what.includes('source')));
});

test('where only chosen responses fell, that comes first, and a far fall is called far', async (t) => {
  const answer = await explained(
    t,
    rows.map((row) => responsePair(row)),
    (row) => changed(-3 + noise(row), 1),
  );
  assert.match(answer.patterns[0]!.what, /^Chosen responses fell by 3\.\d\d nats a pair, rejected ones did not/);
  assert.equal(answer.remedies[0]!.name, 'learning_rate');
  assert.deepEqual(answer.remedies[0]!.changes, [{ option: 'learning_rate', before: 1e-6, after: 5e-7 }]);
  assert.match(answer.patterns.at(-1)!.what, /fell far: 0\.3\d nats a token/);
});

test('what did not fall, or not for sure, is said to be so, without advice', async (t) => {
  const pairs = rows.map((row) => responsePair(row));
  const rose = await explained(t, pairs, (row) => changed(2 + noise(row), -3));
  assert.equal(rose.verdict, 'rose');
  assert.match(rose.summary, /^Chosen responses did not fall: they became more likely, \+(1\.9|2\.0)\d nats a pair \(95 %: .*n = 20\)/);
  assert.deepEqual([rose.patterns, rose.remedies], [[], []]);
  const unclear = await explained(t, pairs, (row) => changed(50 * noise(row), 0));
  assert.equal(unclear.verdict, 'unclear');
  assert.match(unclear.summary, /not shown at this size/);
  assert.deepEqual(unclear.remedies, []);
});

test('without a reference a change is from when a pair was first seen, of the whole response', async (t) => {
  const pairs = rows.map((row) => responsePair(row));
  const perToken = (row: number, step: number): Parameters<typeof madeRun>[2] extends (...a: never[]) => infer V ? V : never => [
    1,
    0,
    0,
    -2 - step / 100,
    -3 + row * 0,
  ];
  const once = await explained(t, pairs, perToken, { training: { loss_type: 'simpo' } });
  assert.equal(once.verdict, 'none');
  assert.match(once.summary, /No pair was seen twice/);
  const twice = await explained(t, pairs, perToken, { epochs: 2, training: { loss_type: 'simpo' } });
  assert.equal(twice.start, 'first-seen');
  // Mean log-probabilities of eight tokens: a response's is their sum.
  assert.ok(twice.chosen!.mean < -0.3 && twice.chosen!.mean > -1.2);
  closeTo(twice.chosen!.mean, twice.perToken * 8, 1e-6);
});

test('a run without a record is refused by name', async (t) => {
  const folder = path.join(await temporaryFolder(t), 'run');
  await madeRun(
    folder,
    rows.map((row) => responsePair(row)),
    () => changed(-1, -1),
  );
  await rm(path.join(folder, 'pairs.bin'));
  await assert.rejects(
    explainChosen({ folder, tokenPairs: 0 }),
    (error) => error instanceof WishboneError && error.what === 'the run has no record of its pairs',
  );
});
