import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { checkFile } from '../../../src/core/checks/file-checker.js';
import { Dataset } from '../../../src/core/dataset/index.js';
import { datasetFile, jsonLines } from '../dataset/support.js';
import { reportOf, tell, textAt, told, user, blue, seven } from './support.js';

const plain = { prompt: 'p q', chosen: 'c', rejected: 'r' };
const orca = { system: 'You are x', question: 'why?', chosen: 'because', rejected: 'no' };

test('each thing is told once, at the first row that has it', async () => {
  assert.deepEqual(await told(jsonLines(plain, { ...plain, prompt: 's', id: 1 }, { ...plain, prompt: 't', id: 2, score: 3 })), [
    'unread-columns 2: id',
  ]);
  assert.deepEqual(await told(jsonLines({ ...orca, system: '' }, { ...orca, chosen: 'sure', question: 'who?' })), [
    'unread-columns 1: question',
    'lost-text 1: "why?"',
  ]);
  assert.deepEqual(await told(jsonLines(plain, { ...plain, prompt: '[{"role": "user", "content": "hi"}]' })), [
    'written-messages 2: "prompt"',
  ]);
  assert.deepEqual(await told(jsonLines(plain, { ...plain, prompt: '<image> what?' })), ['media-placeholder 2: <image>']);
  assert.deepEqual(await told(jsonLines(plain, { ...plain, prompt: 'x', 'a.b': 1 })), ['unread-columns 2: {']);
});

test('a lost question comes with the columns that read it, in the words of the command line', async (t) => {
  const text = jsonLines(orca, { ...orca, question: 'who?' });
  const problem = (await reportOf(text)).problems.find(({ check }) => check === 'lost-text');
  assert.ok(problem);
  assert.equal(problem.row, undefined, 'dropping the row is no way to put it right');
  assert.deepEqual(
    problem.remedies?.map(({ columns }) => columns),
    ['instruction=question', 'prompt=question'],
  );
  const dataset = await Dataset.open(await datasetFile(t, text));
  for await (const _ of dataset.pairs());
  const [warning] = dataset.columns.warnings;
  assert.deepEqual([problem.what, problem.advice], [warning?.what, warning?.advice]);
});

test('rows that hold all of it, of every form, are told of quietly or not at all', async () => {
  const messages = [user, blue];
  const binarized = { prompt: user.content, prompt_id: 'x', chosen: messages, rejected: [user, seven], messages, score_chosen: 2 };
  assert.deepEqual(await told(jsonLines(binarized)), ['unread-columns 1: prompt']);
  assert.deepEqual(await told(jsonLines({ prompt: [user], chosen: [blue], rejected: [seven], source: 'web', system: null })), []);
  assert.deepEqual(
    await told(jsonLines({ instruction: 'say', input: 'it', system: 'be kind', history: [], chosen: 'x', rejected: 'y' })),
    [],
  );
});

test('a row with pictures is an error at its column', async () => {
  const turn = {
    conversations: [{ from: 'human', value: 'What?' }],
    chosen: { from: 'gpt', value: 'a' },
    rejected: { from: 'gpt', value: 'b' },
  };
  assert.deepEqual(await told(jsonLines({ ...turn, images: ['x.jpg'] })), ['bad-value 1: ["x.jpg"]']);
  assert.deepEqual(await told(jsonLines({ ...turn, images: [] })), []);
});

test('an edit that reads the column takes the warning away; rows that cannot be trained on do not count', async () => {
  const { problems } = await reportOf(jsonLines({ ...orca, chosen: '' }, { prompt: 'x', chosen: 'a', rejected: 'b' }));
  assert.ok(problems.every(({ check }) => check !== 'lost-text'));
});

test('a large file is told of at the same places, in lists and after white space', async (t) => {
  const text = `\n  ${JSON.stringify({ ...orca, system: '' })}\n${JSON.stringify({ ...orca, id: 4 })}\n`;
  const file = await datasetFile(t, text);
  await writeFile(file, text);
  let last;
  for await (const report of checkFile(file)) last = report;
  const found = last?.problems.filter(({ check }) => check === 'lost-text' || check === 'unread-columns') ?? [];
  assert.deepEqual(found.map((problem) => tell(text, problem)).sort(), ['lost-text 2: "why?"', 'unread-columns 2: question']);
  const list = JSON.stringify([plain, { ...plain, prompt: 'z', id: 3 }], undefined, 2);
  const [problem] = (await reportOf(list, 'pairs.json')).problems;
  assert.equal(textAt(list, problem!.range), 'id');
});
