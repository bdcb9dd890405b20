// Margins of a run beside the pairs of a table: which line has which, filters, orders and histograms of them.

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { WishboneError } from '../../../src/core/errors.js';
import { PAIR_RECORD_FILE } from '../../../src/core/pairs/index.js';
import { readPairCurve } from '../../../src/core/pairs/index.js';
import { writePlan } from '../../../src/core/plan/index.js';
import type { TokenPair } from '../../../src/core/tokenizer/index.js';
import { planOf, valuesOf, writeRecord } from '../pairs/support.js';
import { exampleConfig, temporaryFolder } from '../run/support.js';
import { type OpenTable, tableOf } from './support.js';

interface Made {
  readonly table: OpenTable;
  readonly run: string;
  readonly file: string;
}

const pairOf = (row: number, nth = 0): TokenPair => ({
  row,
  line: row + 1,
  promptLength: 3,
  chosen: Int32Array.of(row % 6, Math.floor(row / 6) % 6, 4, 1, nth, Math.floor(row / 36)),
  rejected: Int32Array.of(row % 6, Math.floor(row / 6) % 6, 4, 2, nth),
});

/** A file of rows, and a run of it in which the pair of a row (from 0) had a margin at a step. */
async function made(
  t: TestContext,
  rows: readonly object[],
  pairs: readonly TokenPair[],
  marginOf: (pair: TokenPair, step: number) => number,
  { epochs = 1, before = 0, weight = 1 } = {},
): Promise<Made> {
  const folder = await temporaryFolder(t);
  const file = path.join(folder, 'pairs.jsonl');
  await writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const run = path.join(folder, 'run');
  await mkdir(run);
  // A file before this one, where there is one, has all rows before its first.
  const shifted = pairs.map((pair) => ({ ...pair, row: pair.row + before }));
  const plan = await planOf(shifted, { epochs, batch_size: 4 });
  const { dataset, ...config } = exampleConfig();
  const other = { path: '/data/other.jsonl', sha256: 'a'.repeat(64), format: 'trl-explicit', rows: before, weight: 1 };
  const own = { ...other, path: file, rows: rows.length, weight };
  const files = before > 0 || weight !== 1 ? { files: [...(before > 0 ? [other] : []), own] } : {};
  await writeFile(path.join(run, 'run.json'), JSON.stringify({ ...config, dataset: { ...dataset, path: file, ...files } }));
  await writePlan(path.join(run, 'plan.safetensors'), plan);
  const blocks = Array.from({ length: plan.stepPairStart.length - 1 }, (_, at) => {
    const [first, end] = [plan.stepPairStart[at]!, plan.stepPairStart[at + 1]!];
    const values = Array.from({ length: end - first }, (_, i) => {
      const key = plan.sequenceReference[plan.pairChosen[first + i]!]! / 2;
      return valuesOf(marginOf(pairs[key]!, at + 1));
    });
    return { kind: 1, step: at + 1, first, values };
  });
  await writeRecord(path.join(run, PAIR_RECORD_FILE), blocks);
  return { table: await tableOf(t, file), run, file };
}

const ROWS = 24;
const plain = Array.from({ length: ROWS }, (_, row) => ({ prompt: `question ${row}`, chosen: 'yes', rejected: 'no' }));
const single = plain.map((_, row) => pairOf(row));
/** Every third row falls below 0; all are different, with many digits. */
const margin = ({ row }: TokenPair): number => (row % 3 === 0 ? -1 : 1) * (0.1 + ((row * 7) % ROWS) / 7);
const float = (value: number): number => Math.fround(value);

test('each line has the margins of its row, by which it is filtered and sorted', async (t) => {
  const { table, run } = await made(t, plain, single, (pair, step) => margin(pair) * (step > 6 ? 1 : 0.5), { epochs: 2 });
  assert.equal((await table.lines())[0]!.margin, null, 'no run was chosen');
  assert.equal(await table.matching('margin<0'), '');
  assert.equal(await table.table.margins(run), 'example');
  await table.query({});
  const lines = await table.lines();
  for (const { row, margin: own } of lines) {
    assert.deepEqual(own, { start: 0, now: float(margin(single[row]!)), change: float(margin(single[row]!)), seen: 2 });
  }
  const below = plain.map((_, row) => row).filter((row) => row % 3 === 0);
  assert.equal(await table.matching('margin<0'), below.map((row) => row + 1).join(' '));
  assert.equal(
    await table.matching('margin<0 question change>=-1'),
    below
      .filter((row) => margin(single[row]!) >= -1)
      .map((row) => row + 1)
      .join(' '),
  );
  assert.equal(await table.matching('seen=2 start=0 row<=2'), '1 2');
  assert.equal(await table.matching('seen<2'), '');
  const order = [...single].sort((a, b) => margin(a) - margin(b)).map(({ row }) => row + 1);
  assert.equal(await table.matching('', { sort: { column: 'margin', descending: false } }), order.join(' '));
  assert.equal(await table.matching('', { sort: { column: 'margin_change', descending: true } }), [...order].reverse().join(' '));
  assert.equal(await table.table.margins(null), null);
  await table.query({});
  assert.equal((await table.lines())[0]!.margin, null);
});

test('values that differ in their last digits are in their order, equal ones in that of the file, unknown ones last', async (t) => {
  const tiny = (row: number): number => float(row % 4 === 0 ? 0.5 : 0.5 - row * 2 ** -23);
  const { table, run } = await made(
    t,
    plain,
    single.filter(({ row }) => row !== 5),
    ({ row }) => tiny(row),
  );
  await table.table.margins(run);
  const rows = plain.map((_, row) => row).filter((row) => row !== 5);
  const wanted = [...rows].sort((a, b) => tiny(a) - tiny(b) || a - b);
  assert.equal(await table.matching('', { sort: { column: 'margin', descending: false } }), [...wanted, 5].map((row) => row + 1).join(' '));
  const down = [...rows].sort((a, b) => tiny(b) - tiny(a) || a - b);
  assert.equal(await table.matching('', { sort: { column: 'margin', descending: true } }), [...down, 5].map((row) => row + 1).join(' '));
  assert.equal(await table.matching('seen=0'), '6');
  assert.deepEqual((await table.lines())[0]!.margin, { start: null, now: null, change: null, seen: 0 });
});

test('rows are counted through the files of a dataset', async (t) => {
  const { table, run } = await made(t, plain, single, margin, { before: 100 });
  await table.table.margins(run);
  await table.query({});
  for (const { row, margin: own } of await table.lines()) assert.equal(own!.now, float(margin(single[row]!)));
});

test('several pairs of a row have their own, unless it cannot be told which is which', async (t) => {
  const ranked = Array.from({ length: 6 }, (_, row) => ({ prompt: `q ${row}`, responses: ['a', 'b', 'c'], scores: [3, 2, 1] }));
  const three = ranked.flatMap((_, row) => [0, 1, 2].map((nth) => pairOf(row, nth)));
  const ofPair = ({ row, chosen }: TokenPair): number => row + chosen[4]! / 10;
  const whole = await made(t, ranked, three, ofPair);
  await whole.table.table.margins(whole.run);
  await whole.table.query({});
  const lines = await whole.table.lines();
  assert.equal(lines.length, 18);
  for (const { row, pair, margin: own } of lines) assert.equal(own!.now, float(row + pair / 10));
  const curve = await readPairCurve({ folder: whole.run, file: whole.file, row: 4, nth: 2 });
  assert.deepEqual([curve.of, curve.row, curve.points.length], ['train', 4, 1]);
  assert.equal(curve.points[0]!.margin, float(4.2));

  const some = await made(
    t,
    ranked,
    three.filter(({ row, chosen }) => row !== 2 || chosen[4] !== 1),
    ofPair,
  );
  await some.table.table.margins(some.run);
  await some.table.query({});
  for (const { row, margin: own } of await some.table.lines()) assert.equal(own!.now === null, row === 2);
});

test('a pair that was taken twice by a weight is one', async (t) => {
  const twice = [...single, ...single];
  const { table, run } = await made(t, plain, twice, (pair, step) => margin(pair) * step, { weight: 2 });
  await table.table.margins(run);
  await table.query({});
  const lines = await table.lines();
  assert.ok(lines.every(({ margin: own }) => own!.seen === 2 && own!.start === 0 && own!.now !== null));
});

test('a histogram of margins counts each, and its bounds can be written into the filter', async (t) => {
  const { table, run } = await made(t, plain, single, margin);
  await table.table.margins(run);
  await table.query({});
  const histogram = table.table.histograms().find(({ column }) => column === 'margin')!;
  assert.equal(
    histogram.counts.reduce((a, b) => a + b, 0),
    ROWS,
  );
  assert.ok(histogram.from < 0 && histogram.width > 0 && histogram.width < 1);
  const bound = (at: number): number => Number((histogram.from + at * histogram.width).toPrecision(6));
  for (const [at, count] of histogram.counts.entries()) {
    if (at === 0 || at === histogram.counts.length - 1) continue;
    const found = await table.matching(`margin>=${bound(at)} margin<${bound(at + 1)}`);
    assert.equal(found === '' ? 0 : found.split(' ').length, count);
  }
});

test('a run of another file, and one without a record, are refused by name', async (t) => {
  const { table } = await made(t, plain, single, margin);
  const other = await made(t, plain, single, margin);
  await assert.rejects(
    table.table.margins(other.run),
    (error) => error instanceof WishboneError && /has no pairs of this file/.test(error.what),
  );
  await writeFile(
    path.join(other.run, PAIR_RECORD_FILE),
    'something else altogether, and longer than the head of a record is, which has 76 bytes',
  );
  await assert.rejects(
    other.table.table.margins(other.run),
    (error) => error instanceof WishboneError && /no record of pairs/.test(error.what),
  );
});

test('how a pair went is told epoch by epoch, beside the mean of its steps', async (t) => {
  const { run } = await made(t, plain, single, ({ row }, step) => row + step / 100, { epochs: 3 });
  const { points, startsAtZero } = await readPairCurve({ folder: run, of: 'train', row: 7, nth: 0 });
  assert.equal(startsAtZero, true);
  assert.equal(points.length, 3);
  for (const { step, margin: own, around } of points) {
    assert.equal(own, float(7 + step / 100));
    assert.ok(Number.isFinite(around) && around > 0 && around < ROWS);
  }
  assert.ok(points[0]!.step < points[1]!.step && points[1]!.step < points[2]!.step);
  await assert.rejects(
    readPairCurve({ folder: run, of: 'train', row: 999, nth: 0 }),
    (error) => error instanceof WishboneError && error.what === 'nothing was recorded of the pair in row 1000',
  );
});
