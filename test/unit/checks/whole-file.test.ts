import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { rowsOfBadBytes } from '../../../src/core/checks/bytes.js';
import { PreferenceChecker } from '../../../src/core/checks/checker.js';
import { checkFile, type FileReport } from '../../../src/core/checks/file-checker.js';
import { fileLines } from '../../../src/core/checks/file-lines.js';
import { otherSide, readPrompts, splitOf } from '../../../src/core/checks/leakage.js';
import { ProblemList } from '../../../src/core/checks/problem-list.js';
import type { CheckName, Problem } from '../../../src/core/checks/types.js';
import { datasetFile, jsonLines } from '../dataset/support.js';
import { reportOf, tell } from './support.js';

const good = { prompt: 'p', chosen: 'c', rejected: 'r' };

async function lastReport(file: string): Promise<FileReport> {
  let last: FileReport | undefined;
  for await (const report of checkFile(file)) last = report;
  assert.ok(last?.isDone);
  return last;
}

test('a file on disk is told of exactly as its text in the editor', async (t) => {
  const value = fc.constantFrom('a', 'b', ' a', '', '</s>', 'Ã©', 'x'.repeat(300), '\u{1f642}');
  const row = fc.oneof(
    fc.record({ prompt: value, chosen: value, rejected: value }).map((fields) => JSON.stringify(fields)),
    fc.constantFrom('{', '', '  7 ', '\t{"conversations":[]}', '{"chosen":"x"}'),
  );
  const file = await datasetFile(t, '');
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 20 }), fc.constantFrom('\n', '\r\n'), async (rows, end) => {
      const text = rows.join(end);
      await writeFile(file, fc.sample(fc.boolean(), 1)[0] ? text : `\ufeff${text}`);
      const inEditor = await reportOf(text);
      const onDisk = await lastReport(file);
      assert.deepEqual(
        onDisk.problems.map((problem) => tell(text, problem)),
        inEditor.problems.map((problem) => tell(text, problem)),
      );
      const { pairs, form, counts } = inEditor;
      assert.deepEqual({ pairs: onDisk.pairs, form: onDisk.form, counts: onDisk.counts }, { pairs, form, counts });
    }),
    { numRuns: 60 },
  );
});

test('lines longer than a piece of the file are read whole, and the last one without its end', async (t) => {
  const long = 'é'.repeat(1_500_000);
  const text = `a\n\n ${long} \r\nb\n${long}`;
  const file = await datasetFile(t, text);
  const lines: unknown[] = [];
  let end = 0;
  for await (const line of fileLines(file)) {
    lines.push([line.line, line.indent, line.text === long ? 'long' : line.text, line.isUtf8]);
    end = line.end;
  }
  assert.deepEqual(lines, [
    [0, 0, 'a', true],
    [2, 1, 'long', true],
    [3, 0, 'b', true],
    [4, 0, 'long', true],
  ]);
  assert.equal(end, Buffer.byteLength(text));
});

test('a large file: first rows are told of before the last, and cancelling ends it', async (t) => {
  const rows = Array.from({ length: 40_000 }, (_, i) => ({ prompt: `p${i}`, chosen: i % 100 ? 'c' : '', rejected: 'r' }));
  const file = await datasetFile(t, jsonLines(...rows));
  const reports: FileReport[] = [];
  for await (const report of checkFile(file)) reports.push(report);
  assert.ok(reports.length >= 2, `${reports.length} reports`);
  assert.ok(!reports[0]!.isDone && reports[0]!.problems.length > 0);
  assert.deepEqual(reports.at(-1)!.counts, { 'empty-response': 400 });
  assert.equal(reports.at(-1)!.rows, 40_000);

  const abort = new AbortController();
  await assert.rejects(async () => {
    for await (const _ of checkFile(file, { signal: abort.signal })) abort.abort(new Error('enough'));
  }, /enough/);
});

test('of too many problems the weightiest are listed, all are counted', () => {
  const problem = (check: CheckName, line: number): Problem => ({
    check,
    what: '',
    advice: '',
    range: { start: { line, character: 0 }, end: { line, character: 1 } },
    row: line,
  });
  const list = new ProblemList(4);
  const checks = ['mojibake', 'outer-white-space', 'mojibake', 'mojibake', 'bad-value', 'mojibake', 'bad-value'] as const;
  checks.forEach((check, line) => list.add(problem(check, line)));
  assert.deepEqual(
    list.problems.map(({ range }) => range.start.line),
    [0, 2, 4, 6],
  );
  assert.deepEqual(list.counts, { mojibake: 4, 'outer-white-space': 1, 'bad-value': 2 });
  assert.match(list.more!.what, /^3 more problems/);
});

test('rows of bytes that are no UTF-8 are errors where the first of them is', async (t) => {
  const bytes = Buffer.from(jsonLines(good, { prompt: 'q', chosen: 'caf\u00e9', rejected: 'r' }, { ...good, prompt: 'x' }), 'latin1');
  const file = await datasetFile(t, bytes);
  const text = bytes.toString('utf8');
  const badBytes = await rowsOfBadBytes(file);
  const inEditor = await new PreferenceChecker(false).check(text, undefined, { badBytes });
  const expected = ['invalid-utf8 2: \ufffd'];
  const told = (problems: readonly Problem[]) => problems.filter(({ check }) => check !== 'mojibake').map((p) => tell(text, p));
  assert.deepEqual(told(inEditor!.problems), expected);
  assert.deepEqual(told((await lastReport(file)).problems), expected);
  await writeFile(file, text);
  assert.equal((await rowsOfBadBytes(file)).size, 0, 'saved as U+FFFD');
});

test('what files are for is told by their names', () => {
  for (const [name, role, stem] of [
    ['train.jsonl', 'train', ''],
    ['test.jsonl', 'eval', ''],
    ['pairs.jsonl', 'train', 'pairs'],
    ['pairs.eval.jsonl', 'eval', 'pairs'],
    ['hh-train.jsonl', 'train', 'hh'],
    ['hh_validation.jsonl', 'eval', 'hh'],
    ['latest.jsonl', 'train', 'latest'],
    ['dev-set.jsonl', 'eval', 'set'],
  ] as const) {
    assert.deepEqual(splitOf(name), { role, stem }, name);
  }
  const folder = ['hh-train.jsonl', 'hh-test.jsonl', 'hh.val.jsonl', 'other-test.jsonl', 'hh-test.rejected.jsonl', 'hh-test.txt'];
  assert.deepEqual(otherSide('hh-train.jsonl', folder), ['hh-test.jsonl', 'hh.val.jsonl']);
  assert.deepEqual(otherSide('hh-test.jsonl', folder), ['hh-train.jsonl']);
});

async function folderOf(t: TestContext, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'wishbone-checks-'));
  t.after(() => rm(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, name), text);
  return folder;
}

test('a prompt that an evaluation file has too is told with its place there', async (t) => {
  const dialogue = (answer: string) => `\n\nHuman: How are you?\n\nAssistant: ${answer}`;
  for (const [train, evaluation, at] of [
    [
      [good, { ...good, prompt: 'q' }],
      [
        { prompt: 'x', chosen: '1', rejected: '2' },
        { prompt: 'q', chosen: '1', rejected: '2' },
      ],
      '"q"',
    ],
    // The prompt is what both begin with, and they begin differently in the two files.
    [
      [{ chosen: dialogue('I am well'), rejected: dialogue('I will not say') }],
      [
        { chosen: 'A B', rejected: 'A C' },
        { chosen: dialogue('Fine'), rejected: dialogue('Bad') },
      ],
      '"chosen"',
    ],
  ] as const) {
    const folder = await folderOf(t, { 'test.jsonl': jsonLines(...evaluation) });
    const prompts = [await readPrompts(path.join(folder, 'test.jsonl'), 'eval')];
    const text = jsonLines(...train);
    const report = await new PreferenceChecker(false).check(text, undefined, { prompts });
    assert.deepEqual(
      report!.problems.map((problem) => [tell(text, problem), problem.other]),
      [[`prompt-leakage ${train.length}: ${at}`, { file: path.join(folder, 'test.jsonl'), line: 1 }]],
    );
    assert.match(report!.problems[0]!.what, /also in line 2 of test\.jsonl, which is for evaluation/);
  }
});
