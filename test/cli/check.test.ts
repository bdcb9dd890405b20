import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { test } from 'node:test';
import { exampleData, exampleModel, temporaryFolder, wishbone } from './support.js';
import { assertOneError } from './one-error.js';

const bad = ['{"prompt":"a","chosen":"b","rejected":"b"}', '{"prompt":"a","chosen":"","rejected":"c"}', 'x', ''].join('\n');

interface Report {
  readonly ok: boolean;
  readonly errors: number;
  readonly warnings: number;
  readonly files: readonly {
    readonly pairs: number;
    readonly problems: readonly { readonly check: string; readonly line?: number; readonly row?: number; readonly what: string }[];
  }[];
}

async function report(...args: string[]): Promise<{ code: number; report: Report }> {
  const { code, stdout } = await wishbone('check', ...args, '--json');
  return { code, report: JSON.parse(stdout) as Report };
}

test('a good file ends with 0, also with a model', async () => {
  const { code, report: found } = await report(exampleData, '--model', exampleModel);
  assert.equal(code, 0);
  assert.deepEqual([found.ok, found.errors, found.files[0]?.pairs], [true, 0, 120]);
});

test('errors end with 3 and name file, line and column', async (t) => {
  const file = join(await temporaryFolder(t), 'bad.jsonl');
  await writeFile(file, bad);
  const { code, stdout } = await wishbone('check', file);
  assert.equal(code, 3);
  assert.match(stdout, /bad\.jsonl:2:24: error: field "chosen" is empty \[empty-response\]/);
  assert.match(stdout, /bad\.jsonl:3:1: error: not JSON/);
  assert.match(stdout, /1 pair in 3 rows, trl-explicit; 2 errors, 1 warning/);
});

test('warnings count with --strict only', async (t) => {
  const file = join(await temporaryFolder(t), 'warned.jsonl');
  await writeFile(file, '{"prompt":"a","chosen":"b","rejected":"b"}\n');
  assert.equal((await report(file)).code, 0);
  const strict = await report(file, '--strict');
  assert.deepEqual([strict.code, strict.report.ok, strict.report.warnings], [3, false, 1]);
});

test('tables and compressed files are checked too, by the lines they have', async (t) => {
  const folder = await temporaryFolder(t);
  const csv = join(folder, 'pairs.csv');
  await writeFile(csv, 'prompt,chosen,rejected\nhi,a,b\n"two\nlines",c,d\nhi,b,a\nyo,,x\n');
  const table = await report(csv);
  assert.equal(table.code, 3);
  const places = table.report.files[0]!.problems.map(({ check, line }) => [check, line]);
  assert.deepEqual(
    places.filter(([check]) => check === 'contradiction' || check === 'empty-response'),
    [
      ['contradiction', 5],
      ['empty-response', 6],
    ],
  );
  assert.match(table.report.files[0]!.problems.find(({ check }) => check === 'contradiction')!.what, /^line 2 prefers/);
  const packed = join(folder, 'pairs.jsonl.gz');
  await writeFile(packed, gzipSync(bad));
  const unpacked = await report(packed);
  assert.deepEqual([unpacked.code, unpacked.report.errors, unpacked.report.warnings], [3, 2, 1]);
  // As for a run, the first bytes say so, whatever the name.
  const called = join(folder, 'packed.jsonl');
  await writeFile(called, gzipSync(bad));
  assert.deepEqual((await report(called)).report.files[0]!.problems, unpacked.report.files[0]!.problems);
});

test('what a run refuses for its length is an error here too', async (t) => {
  const file = join(await temporaryFolder(t), 'long.jsonl');
  const row = (prompt: string): string => JSON.stringify({ prompt, chosen: 'a', rejected: 'b' });
  await writeFile(file, [row('hi'), row('x'.repeat(2 ** 24)), row('yo')].join('\n'));
  const run = await wishbone('plan', file, '--model', exampleModel);
  assert.deepEqual([run.code, /longer than 16 MiB/.test(run.stderr)], [3, true], run.stderr);
  const { code, report: found } = await report(file);
  assert.deepEqual([code, found.errors, found.files[0]?.pairs], [3, 1, 2]);
  const [problem] = found.files[0]!.problems;
  assert.deepEqual([problem?.check, problem?.line, /longer than 16 MiB/.test(problem!.what)], ['malformed-row', 2, true]);
});

/** Written by `datasets` (scripts/fixtures/arrow_values.py). */
const saved = join(import.meta.dirname, '../unit/dataset/arrow');

test('folders that datasets saved are checked file by file, by their rows', async () => {
  const { code, report: found } = await report(join(saved, 'splits'), `${join(saved, 'splits')}#test`, '--model', exampleModel);
  assert.equal(code, 0);
  assert.deepEqual(
    found.files.map(({ pairs }) => pairs),
    [10, 10, 5],
  );
  const pictures = await wishbone('check', join(saved, 'pictures'));
  assert.equal(pictures.code, 3);
  assert.match(pictures.stdout, /data-00000-of-00001\.arrow, row 2: error: the row has an entry in "image", and only text/);
  const unnamed = await wishbone('check', join(saved, 'other-splits'));
  assertOneError(unnamed.stderr, [/several splits, and none is called train/, /other-splits#train_prefs, .*other-splits#test_prefs/]);
});

test('what cannot be checked at all is one error, as JSON too when JSON was asked for', async (t) => {
  const file = join(await temporaryFolder(t), 'gone.jsonl');
  const { code, stdout, stderr } = await wishbone('check', file, '--json');
  assert.equal(code, 3);
  assertOneError(stderr, [/gone\.jsonl/]);
  const { error } = JSON.parse(stdout) as { error: { what: string; where: string; advice: string; exitCode: number } };
  assert.match(error.where, /gone\.jsonl/);
  assert.equal(error.exitCode, 3);
  const usage = await wishbone('plan', '--nonsense', '--json');
  assert.equal(usage.code, 2);
  assert.match((JSON.parse(usage.stdout) as { error: { what: string } }).error.what, /nonsense/);
});

test('files for evaluation of a run config are checked as well, as a run reads them', async (t) => {
  const folder = await temporaryFolder(t);
  const [data, held, config] = [join(folder, 'a.jsonl'), join(folder, 'b.jsonl'), join(folder, 'run.wishbone.json')];
  const row = (question: string, chosen: string): string => `${JSON.stringify({ question, chosen, rejected: 'no' })}\n`;
  await writeFile(data, row('x', 'yes'));
  await writeFile(held, row('y', ''));
  const plan = { columns: 'prompt=question' };
  const write = (evalDataset: string): Promise<void> =>
    writeFile(config, JSON.stringify({ version: 1, dataset: 'a.jsonl', eval_dataset: evalDataset, plan, training: { eval_steps: 1 } }));
  await write('b.jsonl');
  const { code, report: found } = await report(config);
  assert.deepEqual([code, found.files.map(({ problems }) => problems.map(({ check }) => check))], [3, [[], ['empty-response']]]);
  await write('a.jsonl');
  assert.equal((await report(config)).report.files.length, 1);
});
