import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { datasetFile, jsonLines, readPairs } from './support.js';

const user = { role: 'user', content: 'Name a colour.' };
const blue = { role: 'assistant', content: 'Blue.' };
const seven = { role: 'assistant', content: 'Seven.' };
const asMessages = { kind: 'messages', prompt: [user], chosen: [blue], rejected: [seven], row: 0, line: 1 };

test('TRL with explicit prompt, plain text', async (t) => {
  const file = await datasetFile(t, jsonLines({ prompt: 'Name a colour.', chosen: ' Blue.', rejected: ' Seven.' }));
  const { dataset, pairs } = await readPairs(file);
  assert.equal(dataset.form, 'trl-explicit');
  assert.deepEqual(pairs, [{ kind: 'text', prompt: 'Name a colour.', chosen: ' Blue.', rejected: ' Seven.', row: 0, line: 1 }]);
});

test('TRL with explicit prompt, messages and tools', async (t) => {
  const tools = [{ name: 'look' }];
  const file = await datasetFile(t, jsonLines({ prompt: [user], chosen: [blue], rejected: [seven], tools: JSON.stringify(tools) }));
  const { dataset, pairs } = await readPairs(file);
  assert.equal(dataset.form, 'trl-explicit');
  assert.deepEqual(pairs, [{ ...asMessages, tools }]);
});

test('TRL with implicit prompt, plain text', async (t) => {
  const file = await datasetFile(t, jsonLines({ chosen: '\n\nHuman: hi\n\nAssistant: Yes.', rejected: '\n\nHuman: hi\n\nAssistant: No.' }));
  const { dataset, pairs } = await readPairs(file);
  assert.equal(dataset.form, 'trl-implicit');
  assert.deepEqual(pairs, [{ kind: 'text', prompt: '\n\nHuman: hi\n\nAssistant:', chosen: ' Yes.', rejected: ' No.', row: 0, line: 1 }]);
});

test('TRL with implicit prompt, messages, and with a prompt text beside them', async (t) => {
  const row = { chosen: [user, blue], rejected: [user, seven] };
  for (const rows of [row, { prompt: 'Name a colour.', ...row }]) {
    const { dataset, pairs } = await readPairs(await datasetFile(t, jsonLines(rows)));
    assert.equal(dataset.form, 'trl-implicit');
    assert.deepEqual(pairs, [asMessages]);
  }
});

test('implicit messages keep at least one message for each response', async (t) => {
  const more = { role: 'user', content: 'Another?' };
  const file = await datasetFile(t, jsonLines({ chosen: [user, blue], rejected: [user, blue, more, seven] }));
  const { pairs } = await readPairs(file);
  assert.deepEqual(pairs[0], { ...asMessages, rejected: [blue, more, seven] });
});

test('ShareGPT preference, with a system text', async (t) => {
  const row = {
    system: 'Be brief.',
    conversations: [{ from: 'human', value: 'Name a colour.' }],
    chosen: { from: 'gpt', value: 'Blue.' },
    rejected: [{ from: 'gpt', value: 'Seven.' }],
  };
  const { dataset, pairs } = await readPairs(await datasetFile(t, JSON.stringify([row]), 'pairs.json'));
  assert.equal(dataset.form, 'sharegpt');
  assert.deepEqual(pairs, [{ ...asMessages, prompt: [{ role: 'system', content: 'Be brief.' }, user] }]);
});

test('OpenAI preference, with text parts', async (t) => {
  const row = {
    input: {
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Name ' },
            { type: 'text', text: 'a colour.' },
          ],
        },
      ],
      tools: [],
    },
    preferred_output: [blue],
    non_preferred_output: [seven],
  };
  const { dataset, pairs } = await readPairs(await datasetFile(t, jsonLines(row)));
  assert.equal(dataset.form, 'openai');
  assert.deepEqual(pairs, [asMessages]);
});

const pair = { prompt: 'p', chosen: 'c', rejected: 'r' };

test('gzip is told by the bytes, whatever the name; the hash is of the file on disk', async (t) => {
  const bytes = gzipSync(jsonLines(pair, pair));
  for (const name of ['pairs.jsonl.gz', 'pairs.jsonl']) {
    const { dataset, pairs } = await readPairs(await datasetFile(t, bytes, name));
    assert.equal(pairs.length, 2);
    assert.equal(dataset.sha256, createHash('sha256').update(bytes).digest('hex'));
    assert.equal(dataset.bytesRead, bytes.length);
  }
});

test('lines are those of the file: blank lines, Windows line ends, no end at the end', async (t) => {
  const { pairs } = await readPairs(await datasetFile(t, `\n${JSON.stringify(pair)}\r\n\r\n   \n${JSON.stringify(pair)}`));
  assert.deepEqual(
    pairs.map(({ row, line }) => [row, line]),
    [
      [0, 2],
      [1, 5],
    ],
  );
});

test('rows of a JSON list have the line they begin on', async (t) => {
  const { pairs } = await readPairs(
    await datasetFile(t, JSON.stringify([pair, { ...pair, prompt: 'a "]" \\ {' }, pair], null, 2), 'pairs.json'),
  );
  assert.deepEqual(
    pairs.map(({ row, line }) => [row, line]),
    [
      [0, 2],
      [1, 7],
      [2, 12],
    ],
  );
});

test('a .json file may hold one object, or objects one after the other', async (t) => {
  const one = JSON.stringify(pair, null, 2);
  const lines = async (text: string): Promise<(number | undefined)[]> =>
    (await readPairs(await datasetFile(t, text, 'pairs.json'))).pairs.map(({ line }) => line);
  assert.deepEqual(await lines(one), [1]);
  assert.deepEqual(await lines(`${one}\n${one}\n`), [1, 6]);
  assert.deepEqual(await lines(jsonLines(pair, pair)), [1, 2]);
});

test('a list in a .jsonl file is read as the list it is', async (t) => {
  assert.equal((await readPairs(await datasetFile(t, JSON.stringify([pair, pair])))).pairs.length, 2);
});

test('a byte order mark is no part of the text', async (t) => {
  for (const name of ['pairs.jsonl', 'pairs.json']) {
    const { pairs } = await readPairs(await datasetFile(t, `\ufeff${JSON.stringify(pair)}`, name));
    assert.equal(pairs.length, 1);
  }
});

test('lines longer than a read, and cut within a character, come through whole', async (t) => {
  const long = '🙂é东'.repeat(200_000);
  const { pairs } = await readPairs(await datasetFile(t, jsonLines(pair, { ...pair, prompt: long }, pair)));
  assert.equal(pairs.length, 3);
  assert.equal(pairs[1]?.prompt, long);
});
