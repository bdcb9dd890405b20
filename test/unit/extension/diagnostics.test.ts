import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';

import { type DocumentReport, type Problem, rowTurns } from '../../../src/core/checks/index.js';
import { ProblemList } from '../../../src/core/checks/problem-list.js';
import { bulkFixesFor, optionFixesFor } from '../../../src/extension/diagnostics/bulk-fixes.js';
import { fixesFor } from '../../../src/extension/diagnostics/fixes.js';
import { LatestJob } from '../../../src/extension/diagnostics/latest-job.js';
import { characterHint, hintText, tokenTable, turnLines } from '../../../src/extension/diagnostics/row-text.js';
import {
  docsUrl,
  heaviestByLine,
  problemText,
  statusLabel,
  summaryDetails,
  summaryText,
  tokenText,
} from '../../../src/extension/diagnostics/text.js';
import { reportOf } from '../checks/support.js';
import { jsonLines } from '../dataset/support.js';
import { until } from '../run/support.js';

const good = { prompt: 'p', chosen: 'c', rejected: 'r' };

test('only the last of several wishes is worked on', async () => {
  const begun: number[] = [];
  let number = 0;
  const job = new LatestJob(
    async () => void begun.push(number),
    (error) => assert.fail(String(error)),
  );
  for (number = 1; number <= 5; number++) job.schedule(20);
  await until(() => begun.length > 0, 'it has begun');
  await wait(60);
  assert.deepEqual(begun, [6]);
});

test('work under way is told to end when it is asked for again, or no longer wanted', async () => {
  const signals: AbortSignal[] = [];
  const job = new LatestJob(
    async (signal) => void signals.push(signal),
    () => undefined,
  );
  job.schedule(0);
  await until(() => signals.length === 1, 'the first has begun');
  assert.equal(signals[0]!.aborted, false);
  job.schedule(0);
  assert.equal(signals[0]!.aborted, true);
  await until(() => signals.length === 2, 'the second has begun');
  job.schedule(5);
  job.cancel();
  await wait(30);
  assert.deepEqual(
    signals.map(({ aborted }) => aborted),
    [true, true],
  );
});

test('a failure is told, and the next time is not touched by it', async () => {
  const errors: unknown[] = [];
  let times = 0;
  const job = new LatestJob(
    async () => {
      if (++times === 1) throw new Error('first');
    },
    (error) => errors.push(error),
  );
  job.schedule(0);
  await until(() => errors.length === 1, 'it has failed');
  job.schedule(0);
  await until(() => times === 2, 'it was done again');
  assert.equal(errors.length, 1);
});

test('a problem is told with what to do about it', async () => {
  const { problems } = await reportOf(jsonLines({ ...good, rejected: '' }));
  assert.equal(problemText(problems[0]!), 'Field "rejected" is empty. Write the text, or remove the row.');
});

test('codes link to their section in the repository of package.json', async () => {
  const text = await readFile(new URL('../../../package.json', import.meta.url), 'utf8');
  const { repository } = JSON.parse(text) as { repository: unknown };
  const url = 'https://github.com/wishbone/wishbone/blob/main/docs/diagnostics.md#duplicate';
  assert.equal(docsUrl(repository, 'duplicate'), url);
  assert.equal(docsUrl('git+https://github.com/wishbone/wishbone.git', 'duplicate'), url);
  assert.equal(docsUrl(undefined, 'duplicate'), undefined);
  assert.equal(docsUrl({ url: 'git@example.org:x/y' }, 'duplicate'), undefined);
});

test('the summary counts pairs and problems, by severity', async () => {
  assert.equal(summaryText(await reportOf(jsonLines({ ...good, chosen: 'c ' }))), '1 pair · 1 note');
  const report = await reportOf(jsonLines(good, good, good, { ...good, chosen: '' }));
  assert.equal(summaryText(report), '3 pairs · 1 error, 2 warnings');
  assert.equal(summaryDetails(report), '2 × duplicate\n1 × empty-response');
  const sources = [{ name: 'hh', pairs: 1200, chosenLonger: 0.52 }];
  assert.equal(summaryDetails({ counts: { mojibake: 1 }, sources }), '1 × mojibake\n\nhh: 1,200 pairs, chosen longer in 52%');
  assert.equal(summaryDetails({ counts: {}, sources: [] }), undefined);
  assert.equal(statusLabel(report), '$(list-unordered) 3 pairs $(error) 1 $(warning) 2');
  assert.equal(statusLabel({ pairs: 1, counts: { 'length-bias': 1 } }), '$(list-unordered) 1 pair $(info) 1');
  assert.equal(statusLabel({ pairs: 1, counts: {} }), '$(list-unordered) 1 pair $(check)');
});

test('fixes: rows are dropped or moved once, white space is only trimmed', async () => {
  const text = jsonLines(good, { ...good, chosen: '</s>', rejected: '<eos> ' }, { ...good, chosen: 7 });
  const report = await reportOf(text);
  const fixes = (sideFile?: string, isMeant = () => true) =>
    fixesFor(report, isMeant, sideFile).map(({ kind, title, row, problems }) => [kind, title, row, problems.length]);
  assert.deepEqual(fixes('a.rejected.jsonl'), [
    ['trim', 'Trim the response', 1, 1],
    ['drop', 'Drop the row', 1, 2],
    ['move', 'Move the row to a.rejected.jsonl', 1, 2],
    ['drop', 'Drop the row', 2, 1],
    ['move', 'Move the row to a.rejected.jsonl', 2, 1],
  ]);
  assert.deepEqual(
    fixes().map(([kind]) => kind),
    ['trim', 'drop', 'drop'],
  );
  assert.deepEqual(
    fixes('a.rejected.jsonl', () => false),
    [],
  );
});

test('fixes: a field with a slip of the pen in its name is renamed', async () => {
  const text = jsonLines(good, { prompt: 'p', chosen: 'c', Rejectd: 'x' });
  const report = await reportOf(text);
  const [rename, ...others] = fixesFor(report, () => true, undefined);
  assert.deepEqual([rename?.kind, rename?.title], ['rename', 'Rename the field to "rejected"']);
  assert.deepEqual(
    others.map(({ kind }) => kind),
    ['drop'],
  );
  const { range, name } = rename!.problems[0]!.rename!;
  const [first, second = ''] = text.split('\n');
  const renamed = `${second.slice(0, range.start.character)}${name}${second.slice(range.end.character)}`;
  assert.deepEqual(await reportOf(`${first}\n${renamed}\n`).then(({ problems, pairs }) => [problems, pairs]), [[], 2]);
});

test('fixes for all rows of a kind, listed or not, where a kind has more than one', async () => {
  const bad = { ...good, chosen: 7 };
  const text = jsonLines(good, bad, { ...good, rejected: 'r ' }, { ...good, prompt: 'x', chosen: 'c ' }, ...Array<object>(1200).fill(bad), {
    ...good,
    chosen: '',
  });
  const { problems: all } = await reportOf(text);
  const list = new ProblemList();
  for (const problem of all) list.add(problem);
  const report = { problems: list.problems, rowsByCheck: list.rows, tokens: undefined };
  assert.ok(report.problems.length < all.length);
  const at = (line: number) => (problem: Problem) => problem.range.start.line === line;
  const fixes = (line: number, sideFile?: string) =>
    bulkFixesFor(report, at(line), sideFile).map(({ kind, title, rows }) => [kind, title, rows.length]);
  assert.deepEqual(fixes(1, 'a.rejected.jsonl'), [
    ['drop', 'Drop all 1,201 rows with this problem (wrong-type)', 1201],
    ['move', 'Move all 1,201 rows with this problem (wrong-type) to a.rejected.jsonl', 1201],
  ]);
  assert.deepEqual(
    fixes(1).map(([kind]) => kind),
    ['drop'],
  );
  assert.deepEqual(fixes(1204), [], 'there is one empty response');
  const few = await reportOf(jsonLines({ ...good, rejected: 'r ' }, { ...good, prompt: 'x', chosen: 'c ' }));
  const trims = bulkFixesFor({ problems: few.problems, rowsByCheck: {}, tokens: undefined }, at(0), 'a');
  assert.deepEqual(
    trims.map(({ kind, title, rows }) => [kind, title, rows]),
    [['trim', 'Trim all 2 responses with this problem', [0, 1]]],
  );
});

test('fixes that change a run: the columns that read a question, and a length that cuts nothing', async () => {
  const { problems } = await reportOf(jsonLines({ question: 'why?', system: 'x y', chosen: 'c', rejected: 'r' }));
  const fixes = (tokens: DocumentReport['tokens'], more: readonly Problem[] = [], maxLength = 1024) =>
    optionFixesFor({ problems: [...problems, ...more], rowsByCheck: {}, tokens }, () => true, maxLength).map(({ title, option, value }) => [
      title,
      option,
      value,
    ]);
  const columns = [
    ['Read as a chat: columns instruction=question', 'columns', 'instruction=question'],
    ['Read as plain text: columns prompt=question', 'columns', 'prompt=question'],
  ];
  assert.deepEqual(fixes(undefined), columns);
  const sums = { pairs: 2, naiveTokens: 9, sharedTokens: 9, longest: 1412, flops: undefined };
  const range = { start: { line: 0, character: 0 }, end: { line: 0, character: 1 } };
  const long: Problem = { check: 'over-length', what: '', advice: '', range, row: 0 };
  assert.deepEqual(fixes({ done: 2, total: 2, sums }, [long]), [...columns, ['Set max length to 1,412', 'max_length', 1412]]);
  assert.deepEqual(fixes({ done: 1, total: 2, sums }, [long]), columns, 'a longer one may follow');
  assert.deepEqual(fixes({ done: 2, total: 2, sums }, [long], 1412), columns, 'the model takes no more');
});

test('fixes: none for a fault after which rows cannot be told apart', async () => {
  const report = await reportOf(`[${JSON.stringify(good)}, {"chosen": x}]`, 'pairs.json');
  assert.equal(report.problems.length, 1);
  assert.deepEqual(
    fixesFor(report, () => true, 'side.rejected.jsonl'),
    [],
  );
});

const pair = {
  prompt: 512,
  chosen: 640,
  rejected: 608,
  shared: 512,
  naiveTokens: 1248,
  sharedTokens: 736,
  flops: { naive: 1000, shared: 600 },
  cut: { chosen: 0, rejected: 12 },
};

test('the hint of a row: its split, and what sharing saves', () => {
  const row = { pairs: [pair], longest: 652, problems: [] };
  assert.equal(hintText(row), '512 + 128 | 96 · saves 40%');
  assert.equal(hintText({ ...row, pairs: [{ ...pair, flops: undefined }] }), '512 + 128 | 96 · saves 41%');
  assert.equal(hintText({ ...row, pairs: [pair, pair] }), '2 pairs · saves 40%');
  assert.equal(hintText({ ...row, pairs: [] }), undefined);
  assert.equal(characterHint({ prompt: 1200, chosen: 3, rejected: 4, pairs: 1 }), '1,200 + 3 | 4 characters');
});

test('the table of a row says what is cut off, and names tokens and FLOPs', () => {
  const table = tokenTable({ pairs: [pair], longest: 652, problems: [] });
  assert.match(table, /^\| rejected \| 96 \(12 cut off\) \|$/m);
  assert.match(table, /^\| shared prefix \| 512 \|$/m);
  assert.match(table, /\*\*41%\*\* of the tokens and \*\*40%\*\* of the FLOPs/);
  assert.match(tokenTable({ pairs: Array(9).fill(pair), longest: 652, problems: [] }), /and 3 pairs more/);
});

test('what the tokens of a file come to, and what they wait for', () => {
  const sums = { pairs: 2, naiveTokens: 2496, sharedTokens: 1472, longest: 652, flops: { naive: 10, shared: 6 } };
  assert.equal(tokenText(undefined, undefined), 'Choose a model to count tokens');
  assert.equal(tokenText(undefined, 'tiny'), 'tiny: loading');
  assert.equal(tokenText({ done: 1, total: 4, sums }, 'tiny'), 'tiny: counting tokens, 25%');
  assert.equal(tokenText({ done: 4, total: 4, sums }, 'tiny'), 'tiny: 2,496 tokens, 1,472 with sharing (saves 40% of FLOPs)');
});

test('the turns of a row: who says what, shortened, in one line each', () => {
  const turns = (row: unknown): (readonly [string, string])[] =>
    turnLines(rowTurns(JSON.stringify(row))!).map(({ who, what }) => [who, what]);
  assert.deepEqual(turns(good), [
    ['prompt', 'p'],
    ['chosen', 'c'],
    ['rejected', 'r'],
  ]);
  const said = (role: string, content: string) => ({ role, content });
  const talk = Array.from({ length: 9 }, (_, i) => said(i % 2 ? 'assistant' : 'user', `turn ${i}`));
  const chat = {
    prompt: talk,
    chosen: [said('assistant', 'two\n\n  lines')],
    rejected: [said('assistant', '\u{1f980}'.repeat(300)), said('user', 'and you?')],
  };
  assert.deepEqual(turns(chat), [
    ['user', 'turn 0'],
    ['assistant', 'turn 1'],
    ['user', 'turn 2'],
    ['…', '3 more turns'],
    ['user', 'turn 6'],
    ['assistant', 'turn 7'],
    ['user', 'turn 8'],
    ['chosen', 'two lines'],
    ['rejected', `${'\u{1f980}'.repeat(200)}…`],
    ['rejected (user)', 'and you?'],
  ]);
  const call = { ...said('assistant', ''), content: null, tool_calls: [{ function: { name: 'look', arguments: {} } }] };
  assert.match(turns({ ...chat, prompt: talk.slice(0, 1), chosen: [call] })[1]![1], /"name":"look"/);
  assert.deepEqual(turns({ prompt: 'p', chosen: ['a', 'b'], rejected: ['c'] }).at(-1), ['…', 'the first of 2 pairs']);
  assert.equal(rowTurns('{"prompt": 1}'), undefined);
});

test('a line is marked by the heaviest of its problems', async () => {
  const report = await reportOf(jsonLines(good, good, { ...good, chosen: '<eos> ', rejected: '' }, { ...good, chosen: 'd ' }));
  assert.deepEqual([...heaviestByLine(report.problems)].sort(), [
    [1, 'warning'],
    [2, 'error'],
    [3, 'information'],
  ]);
});
