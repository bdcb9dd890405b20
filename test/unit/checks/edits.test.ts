import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPreferenceText, rowAsLine, rowsDeletion, sideFileName } from '../../../src/core/checks/index.js';
import { jsonLines } from '../dataset/support.js';
import { reportOf } from './support.js';

const row = (prompt: string) => ({ prompt, chosen: 'c', rejected: 'r' });

const noSpan = { start: 0, end: 0 };

test('several rows go at once, whichever they are', async () => {
  const all = ['a', 'b', 'c', 'd', 'e'].map(row);
  for (const [name, write] of [
    ['pairs.jsonl', (rows: object[]) => rows.map((each) => `${JSON.stringify(each)}\n`).join('')],
    ['pairs.json', (rows: object[]) => JSON.stringify(rows, null, 2)],
  ] as const) {
    const text = write(all);
    const { rows } = await reportOf(text, name);
    for (let set = 1; set < 31; set++) {
      const gone = [0, 1, 2, 3, 4].filter((index) => set & (1 << index));
      const kept = rowsDeletion((index) => rows[index], gone)
        .reverse()
        .reduce((left, { start, end }) => left.slice(0, start) + left.slice(end), text);
      assert.equal(kept, write(all.filter((_, index) => !gone.includes(index))), `${name} ${gone.join()}`);
    }
    const [whole] = rowsDeletion((index) => rows[index], [0, 1, 2, 3, 4]);
    assert.deepEqual(whole && [whole.start, whole.end], [rows[0]?.start, rows[4]?.end]);
  }
});

test('a row goes with its separator: JSON lines', async () => {
  for (const newline of ['\n', '\r\n']) {
    for (const end of ['', newline]) {
      const lines = ['a', 'b', 'c'].map((name) => JSON.stringify(row(name)));
      const text = lines.join(newline) + end;
      const report = await reportOf(text);
      for (const index of [0, 1, 2]) {
        const [{ start, end: to } = noSpan] = rowsDeletion((row) => report.rows[row], [index]);
        const expected = lines.filter((_, i) => i !== index).join(newline) + end;
        assert.equal(text.slice(0, start) + text.slice(to), expected);
      }
    }
  }
});

test('a row goes with its separator: a list', async () => {
  const all = ['a', 'b', 'c'].map(row);
  const text = JSON.stringify(all, null, 2);
  const report = await reportOf(text, 'pairs.json');
  for (const index of [0, 1, 2]) {
    const [{ start, end } = noSpan] = rowsDeletion((row) => report.rows[row], [index]);
    const expected = JSON.stringify(
      all.filter((_, i) => i !== index),
      null,
      2,
    );
    assert.equal(text.slice(0, start) + text.slice(end), expected);
  }
});

test('the only row of a file', async () => {
  const text = JSON.stringify([row('a')]);
  const { rows } = await reportOf(text, 'pairs.json');
  const [{ start, end } = noSpan] = rowsDeletion((row) => rows[row], [0]);
  assert.equal(text.slice(0, start) + text.slice(end), '[]');
});

test('trimming deletes the white space around a response and nothing else', async () => {
  const message = { role: 'assistant', content: 'r' };
  for (const [before, after] of [
    [row('a'), row('a')],
    [
      { ...row('a'), chosen: ' c\n\t ' },
      { ...row('a'), chosen: ' c' },
    ],
    [
      { ...row('a'), rejected: 'é"\\ ' },
      { ...row('a'), rejected: 'é"\\' },
    ],
    [
      { chosen: 'Q: a  ', rejected: 'Q: b' },
      { chosen: 'Q: a', rejected: 'Q: b' },
    ],
    [
      { prompt: [{ role: 'user', content: ' q ' }], chosen: [{ ...message, content: '\n c ' }], rejected: [message] },
      { prompt: [{ role: 'user', content: ' q ' }], chosen: [{ ...message, content: 'c' }], rejected: [message] },
    ],
  ]) {
    const text = JSON.stringify(before);
    const { problems } = await reportOf(text);
    const deletions = problems.flatMap(({ trim }) => trim ?? []).reverse();
    const trimmed = deletions.reduce((rest, { start, end }) => rest.slice(0, start.character) + rest.slice(end.character), text);
    assert.equal(trimmed, JSON.stringify(after));
  }
});

test('a row as a line keeps every value as it was written', () => {
  const text = '{\r\n  "id": 12345678901234567890,\n\n  "chosen": "a\\n  b \\u00e9",\n  "rejected":\t"x"\n}';
  const line = rowAsLine(text);
  assert.equal(line, '{ "id": 12345678901234567890, "chosen": "a\\n  b \\u00e9", "rejected":\t"x" }');
  assert.deepEqual(JSON.parse(line), JSON.parse(text));
});

test('names of side files', () => {
  assert.equal(sideFileName('pairs.jsonl'), 'pairs.rejected.jsonl');
  assert.equal(sideFileName('a.b.json'), 'a.b.rejected.jsonl');
  assert.equal(sideFileName('pairs.rejected.jsonl'), undefined);
  assert.equal(sideFileName('pairs.txt'), undefined);
});

test('preference files are told from other JSON by their first rows', () => {
  assert.ok(isPreferenceText(jsonLines(row('a')), false));
  assert.ok(isPreferenceText(JSON.stringify([row('a')], null, 2), true));
  assert.ok(isPreferenceText(`{"prompt": "x", \n{"chosen": "a"`, false), 'while it is being typed');
  assert.ok(isPreferenceText(jsonLines({ id: 1 }, row('a')), false));
  const long = jsonLines({ rejected: 'r', prompt: 'long '.repeat(50_000), chosen: 'c' });
  assert.ok(isPreferenceText(long, false), 'a row longer than what is looked at');
  for (const other of [
    '',
    '[]',
    JSON.stringify({ name: 'x', scripts: { chosen: 'y' } }),
    JSON.stringify({ description: 'writes "chosen": ' }),
    jsonLines({ conversations: [{ from: 'human', value: 'x' }] }),
    jsonLines({ prompt: 'x', completion: 'y' }),
    jsonLines({ input: {}, output: 'x' }),
  ]) {
    assert.ok(!isPreferenceText(other, true), other);
  }
});
