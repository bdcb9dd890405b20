import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { WishboneError } from '../../../src/core/errors.js';
import { Known } from '../../../src/core/judge/known.js';
import {
  comparisonId,
  type JudgeHead,
  judgeKey,
  keptJudge,
  lineKey,
  readRecord,
  readRecords,
  RecordWriter,
} from '../../../src/core/judge/record.js';

const FACTS: Omit<JudgeHead, 'id' | 'created'> = {
  ...{ first: { label: 'mine', key: 'a' }, second: { label: 'theirs', key: 'b' } },
  sampling: { max_new_tokens: 16, temperature: 0, top_p: 1, seed: 0 },
  judge: keptJudge({ kind: 'endpoint', url: 'https://judge.example/v1/?token=secret', model: 'm', max_tokens: 64 }),
  prompts: { from: 'evaluation', path: '/data/pairs.jsonl', sha256: '0'.repeat(64) },
};
const headOf = (facts: typeof FACTS): JudgeHead => ({ id: comparisonId(facts), created: '2026-01-02T03:04:05.000Z', ...facts });
const HEAD = headOf(FACTS);
const KEY = '0123456789abcdef';

async function runFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'wishbone-judge-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

test('what is written is read again, and is nobody else’s meanwhile', async (t) => {
  const folder = await runFolder(t);
  const writer = await RecordWriter.open(folder, HEAD);
  await assert.rejects(RecordWriter.open(folder, HEAD), /another process works on this comparison/);
  await writer.prompt(KEY, 'Say "hi"\nplease', 4);
  await writer.completion('first', KEY, { text: 'hi', tokens: 1, ended: true });
  await writer.completion('second', KEY, { text: 'ho', tokens: 1, ended: false });
  await writer.verdict('first', KEY, { winner: null, words: 'hm', input: 5, output: 6, cut: 6 });
  await writer.verdict('first', KEY, { winner: 'second', words: 'B', input: 5, output: 7 });
  await writer.verdict('second', KEY, { winner: 'tie', words: 'tie', input: 9, output: 9, reused: true });
  await writer.close();
  const record = (await readRecord(writer.record.file))!;
  assert.deepEqual(record, writer.record);
  assert.deepEqual(record.head, HEAD);
  assert.deepEqual(record.paid, { requests: 2, input: 10, output: 13 }, 'what was replaced was paid too, what was reused was not');
  assert.ok(!(await readFile(record.file, 'utf8')).includes('secret'));
  await (await RecordWriter.open(folder, HEAD)).close();
  assert.deepEqual(await readRecord(record.file), record, 'opening adds nothing');
});

test('lines that are cut off, damaged or made to do harm are passed over', async (t) => {
  const folder = await runFolder(t);
  const writer = await RecordWriter.open(folder, HEAD);
  await writer.prompt(KEY, 'p', 1);
  await writer.close();
  const { file } = writer.record;
  const bad = [
    '{"type":"verdict"',
    'null',
    '[]',
    '{"type":"prompt","prompt":"__proto__","text":"x"}',
    `{"type":"completion","prompt":"${KEY}","side":"third","text":"x"}`,
    `{"type":"verdict","prompt":"${KEY}","order":"first","winner":"me"}`,
    `{"type":"completion","prompt":"${KEY}","side":"first","text":7}`,
    `{"type":"prompt","prompt":"${KEY}","te`,
  ];
  await writeFile(file, `${await readFile(file, 'utf8')}${bad.join('\n')}`);
  const record = (await readRecord(file))!;
  assert.deepEqual([record.prompts.size, record.completions.size, record.verdicts.size], [1, 0, 0]);
  const again = await RecordWriter.open(folder, HEAD);
  await again.completion('first', KEY, { text: 'x', tokens: 1, ended: true });
  await again.close();
  assert.equal((await readRecord(file))!.completions.size, 1, 'behind half a line a new one begins');

  await writeFile(path.join(folder, 'judge', 'ffffffffffff.jsonl'), '{"format":"wishbone-judge","version":2}\n');
  await mkdir(path.join(folder, 'judge', 'eeeeeeeeeeee.jsonl'));
  assert.equal((await readRecords(folder)).length, 1);
  assert.deepEqual(await readRecords(path.join(folder, 'none')), []);
  await assert.rejects(readRecord(path.join(folder, 'judge', 'ffffffffffff.jsonl')), WishboneError);
});

test('a comparison is another one with other sides, sampling, judge or prompts, and not with another limit of the judge', () => {
  const id = (change: Partial<typeof FACTS>): string => comparisonId({ ...FACTS, ...change });
  const others = [
    id({ first: { label: 'mine', key: 'c' } }),
    id({ sampling: { ...FACTS.sampling, max_new_tokens: 17 } }),
    id({ sampling: { ...FACTS.sampling, temperature: 1 } }),
    id({ judge: { ...FACTS.judge, model: 'n' } as typeof FACTS.judge }),
    id({ judge: { kind: 'rule', rule: 'exact' } }),
    id({ prompts: { ...FACTS.prompts, sha256: '1'.repeat(64) } }),
  ];
  assert.equal(new Set([HEAD.id, ...others]).size, others.length + 1);
  assert.equal(id({ judge: { ...FACTS.judge, max_tokens: 512 } as typeof FACTS.judge }), HEAD.id);
  assert.equal(id({ sampling: { ...FACTS.sampling, seed: 7 } }), HEAD.id, 'nothing is drawn at temperature 0');
});

test('what other comparisons of the run have is known: completions of the same model, verdicts on the same texts', async (t) => {
  const folder = await runFolder(t);
  const writer = await RecordWriter.open(folder, HEAD);
  await writer.prompt(KEY, 'p', 1);
  await writer.completion('first', KEY, { text: 'one', tokens: 1, ended: true });
  await writer.completion('second', KEY, { text: 'two', tokens: 1, ended: true });
  await writer.verdict('second', KEY, { winner: 'first', words: 'B', input: 1, output: 1 });
  await writer.close();
  const records = await readRecords(folder);
  const known = new Known(records, judgeKey(HEAD.judge));
  const swapped = headOf({ ...FACTS, first: FACTS.second, second: { label: 'new', key: 'n' } });
  assert.equal(known.completion({ head: swapped, side: 'first', prompt: KEY })?.text, 'two');
  assert.equal(known.completion({ head: swapped, side: 'second', prompt: KEY }), undefined);
  assert.equal(known.verdict('second', 'p', 'one', 'two')?.words, 'B');
  assert.equal(known.verdict('first', 'p', 'one', 'two'), undefined);
  assert.equal(known.verdict('second', 'p', 'one', 'two '), undefined);
  assert.equal(new Known(records, 'another').verdict('second', 'p', 'one', 'two'), undefined);
  assert.ok(records[0]!.verdicts.has(lineKey('second', KEY)));
});
