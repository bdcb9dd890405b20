import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { Dataset, findSources, lineOfRow, parseColumns, type PairText } from '../../../src/core/dataset/index.js';
import { WishboneError } from '../../../src/core/errors.js';
import { datasetFile, jsonLines } from './support.js';

/** A folder with these files, gone when the test ends. */
async function folderOf(t: TestContext, files: Readonly<Record<string, unknown>>): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'wishbone-sources-'));
  t.after(() => rm(folder, { recursive: true }));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(path.join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return folder;
}

const refused = (what: RegExp, where: RegExp) => (error: unknown) => {
  assert.ok(error instanceof WishboneError, String(error));
  assert.match(`${error.what} ${error.advice}`, what);
  assert.match(error.where, where);
  return true;
};

test('files, globs and weights', async (t) => {
  const folder = await folderOf(t, { 'a.jsonl': '', 'b.jsonl': '', 'deep/c.jsonl': '', 'odd:2': '', 'd[1].jsonl': '' });
  const at = (name: string): string => path.join(folder, name);
  const found = async (...names: string[]): Promise<unknown> =>
    (await findSources(names.map(at))).map((source) => [path.relative(folder, source.path), source.weight, source.name]);
  assert.deepEqual(await found('a.jsonl'), [['a.jsonl', 1, 'a.jsonl']]);
  assert.deepEqual(await found('[ab].jsonl:0.5', 'deep/c.jsonl:3'), [
    ['a.jsonl', 0.5, 'a.jsonl'],
    ['b.jsonl', 0.5, 'b.jsonl'],
    ['deep/c.jsonl', 3, 'c.jsonl'],
  ]);
  assert.deepEqual(await found('{a,deep/*}.jsonl'), [
    ['a.jsonl', 1, 'a.jsonl'],
    ['deep/c.jsonl', 1, 'c.jsonl'],
  ]);
  assert.deepEqual(await found('odd:2', 'd[1].jsonl'), [
    ['odd:2', 1, 'odd:2'],
    ['d[1].jsonl', 1, 'd[1].jsonl'],
  ]);
  assert.deepEqual(await found('none.jsonl'), [['none.jsonl', 1, 'none.jsonl']], 'opening it says that it is not there');
  await assert.rejects(found('*.csv'), refused(/no file matches/, /\*\.csv/));
  await assert.rejects(found('a.jsonl:0'), refused(/weight must be above 0/, /a\.jsonl:0/));
  await assert.rejects(found('a.jsonl', '*.jsonl'), refused(/twice/, /a\.jsonl/));
});

test('files of one name are told apart by their folders', async (t) => {
  const folder = await folderOf(t, { 'x/y/pairs.jsonl': '', 'x/z/pairs.jsonl': '' });
  const found = await findSources(path.join(folder, '**/pairs.jsonl'));
  assert.deepEqual(
    found.map(({ name }) => name),
    ['y/pairs.jsonl', 'z/pairs.jsonl'],
  );
});

async function pairsOf(names: string): Promise<PairText[]> {
  const pairs: PairText[] = [];
  for (const { path: file, form, columns, tags } of await findSources(names)) {
    const dataset = await Dataset.open(file, { pairing: 'all', minMargin: 0, form, columns, tags });
    for await (const pair of dataset.pairs()) pairs.push(pair);
  }
  return pairs;
}

test('dataset_info.json: Alpaca and ShareGPT with their own columns and tags', async (t) => {
  const folder = await folderOf(t, {
    'dataset_info.json': {
      alpaca: {
        file_name: 'alpaca.jsonl',
        ranking: true,
        columns: { prompt: 'question', query: 'context', chosen: 'good', rejected: 'bad', system: 'persona' },
      },
      chat: {
        file_name: 'chat.json',
        ranking: true,
        formatting: 'sharegpt',
        columns: { messages: 'turns', chosen: 'yes', rejected: 'no' },
        tags: { role_tag: 'who', content_tag: 'text', user_tag: 'me', assistant_tag: 'bot', system_tag: 'sys' },
      },
      plain: { file_name: 'chat.json' },
    },
    'alpaca.jsonl': jsonLines({
      ...{ question: 'Q?', context: 'C.', good: 'A', bad: 'B', persona: 'P' },
      ...{ chosen: 'not this', input: 'nor this', history: [['nor', 'this']] },
    }),
    'chat.json': [
      {
        turns: [
          { who: 'sys', text: 'S' },
          { who: 'me', text: 'Hi' },
        ],
        yes: { who: 'bot', text: 'A' },
        no: { who: 'bot', text: 'B' },
      },
    ],
  });
  const info = path.join(folder, 'dataset_info.json');
  const [chosen, rejected] = [[{ role: 'assistant', content: 'A' }], [{ role: 'assistant', content: 'B' }]];
  const prompt = (system: string, user: string) => [
    { role: 'system', content: system },
    { role: 'user', content: user },
  ];
  const place = { row: 0, line: 1 };
  assert.deepEqual(await pairsOf(`${info}#alpaca`), [{ kind: 'messages', prompt: prompt('P', 'Q?\nC.'), chosen, rejected, ...place }]);
  assert.deepEqual(await pairsOf(`${info}#chat`), [{ kind: 'messages', prompt: prompt('S', 'Hi'), chosen, rejected, ...place }]);
  const [source] = await findSources(`${info}#chat:2.5`);
  assert.equal(source?.weight, 2.5);
  assert.equal(source?.name, 'chat');
  await assert.rejects(findSources(`${info}#plain`), refused(/not a preference dataset/, /dataset "plain"/));
  await assert.rejects(findSources(`${info}#none`), refused(/no such dataset.*alpaca, chat/, /dataset "none"/));
  await assert.rejects(findSources(info), refused(/dataset_info\.json#name; there are alpaca, chat/, /dataset_info/));
});

test('dataset_info.json: without columns those that the form has, but no system, history and tools', async (t) => {
  const row = { instruction: 'Q', input: 'C', chosen: 'A', rejected: 'B', system: 'P', history: [['a', 'b']] };
  const folder = await folderOf(t, {
    'dataset_info.json': { bare: { file_name: 'a.jsonl', ranking: true } },
    'a.jsonl': jsonLines(row),
  });
  const [pair] = await pairsOf(path.join(folder, 'dataset_info.json'));
  assert.deepEqual(pair?.prompt, [{ role: 'user', content: 'Q\nC' }]);
});

test('dataset_info.json: OpenAI messages with tool calls; a system turn goes before a column of that name', async (t) => {
  const calls = [{ id: '1', type: 'function', function: { name: 'look', arguments: '{}' } }];
  const messages = [
    { role: 'system', content: 'S' },
    { role: 'user', content: 'Hi' },
    { role: 'assistant', tool_calls: calls },
    { role: 'tool', content: 'sunny', tool_call_id: '1' },
  ];
  const answer = (content: string) => ({ role: 'assistant', content });
  const row = { turns: messages, chosen: answer('A'), rejected: answer('B'), persona: 'P' };
  const columns = { messages: 'turns', chosen: 'chosen', rejected: 'rejected', system: 'persona' };
  const folder = await folderOf(t, {
    'dataset_info.json': { calls: { file_name: 'a.jsonl', ranking: true, formatting: 'openai', columns } },
    'a.jsonl': jsonLines(row),
  });
  const [pair] = await pairsOf(path.join(folder, 'dataset_info.json'));
  assert.deepEqual(pair?.prompt, messages);
  assert.deepEqual([pair?.chosen, pair?.rejected], [[answer('A')], [answer('B')]]);
});

test('dataset_info.json: OpenAI roles, folders, samples, and what cannot be used', async (t) => {
  const row = {
    messages: [{ role: 'user', content: 'Hi' }],
    chosen: { role: 'assistant', content: 'A' },
    rejected: { role: 'assistant', content: 'B' },
  };
  const entry = { ranking: true, formatting: 'openai', columns: { messages: 'messages', chosen: 'chosen', rejected: 'rejected' } };
  const folder = await folderOf(t, {
    'dataset_info.json': {
      folder: { ...entry, file_name: 'parts' },
      some: { ...entry, file_name: 'parts/2.jsonl', num_samples: 7 },
      hub: { ...entry, hf_hub_url: 'someone/pairs' },
      lost: { ...entry, file_name: 'lost.jsonl' },
      odd: { ...entry, file_name: 'parts/1.jsonl', formatting: 'parrot' },
      many: { ...entry, file_name: 'parts', num_samples: 7 },
      tagged: { ...entry, file_name: 'parts/1.jsonl', tags: { role_tag: 3 } },
    },
    'parts/1.jsonl': jsonLines(row),
    'parts/2.jsonl': jsonLines(row, row),
    'parts/readme.txt': 'not data',
  });
  const info = path.join(folder, 'dataset_info.json');
  const pairs = await pairsOf(`${info}#folder`);
  assert.equal(pairs.length, 3);
  assert.deepEqual(pairs[0]?.prompt, [{ role: 'user', content: 'Hi' }]);
  assert.equal((await findSources(`${info}#some`))[0]?.samples, 7);
  const cases: [name: string, what: RegExp, where: RegExp][] = [
    ['hub', /stored elsewhere \("hf_hub_url"\)/, /field "file_name"/],
    ['lost', /no such file/, /lost\.jsonl/],
    ['odd', /unknown formatting "parrot"/, /field "formatting"/],
    ['many', /folder with several files/, /field "num_samples"/],
    ['tagged', /must be text, not a number/, /field "tags\.role_tag"/],
  ];
  for (const [name, what, where] of cases) await assert.rejects(findSources(`${info}#${name}`), refused(what, where));
});

test('mapped columns: of JSON and CSV, swapped, missing, and of names that are none', async (t) => {
  const read = async (content: string, columns: string, name?: string): Promise<PairText[]> => {
    const file = await datasetFile(t, content, name);
    const dataset = await Dataset.open(file, { pairing: 'all', minMargin: 0, columns: parseColumns(columns) });
    const pairs: PairText[] = [];
    for await (const pair of dataset.pairs()) pairs.push(pair);
    return pairs;
  };
  const text = { kind: 'text', prompt: 'Q', chosen: 'A', rejected: 'B' };
  const renamed = 'prompt=question, chosen=good,rejected=bad';
  assert.deepEqual(await read(jsonLines({ question: 'Q', good: 'A', bad: 'B', prompt: 'not this' }), renamed), [
    { ...text, row: 0, line: 1 },
  ]);
  const csv = 'question,good,bad\nQ,A,B\n\n"Q\n",A,B\nQ,A,B\n';
  const tabled = await read(csv, renamed, 'pairs.csv');
  assert.deepEqual(tabled[0], { ...text, row: 0, line: 2 });
  const file = await datasetFile(t, csv, 'pairs.csv');
  assert.deepEqual(
    tabled.map(({ line }) => line),
    [2, 4, 6],
  );
  assert.deepEqual(await Promise.all([0, 1, 2, 3].map((row) => lineOfRow(file, row))), [2, 4, 6, undefined]);
  const onOneLine = await datasetFile(t, JSON.stringify([text, text]), 'pairs.json');
  assert.deepEqual(await Promise.all([0, 1, 2].map((row) => lineOfRow(onOneLine, row))), [1, 1, undefined]);
  const swapped = await read(jsonLines({ prompt: 'Q', chosen: 'B', rejected: 'A' }), 'chosen=rejected,rejected=chosen');
  assert.deepEqual(swapped, [{ ...text, row: 0, line: 1 }]);
  const sourced = await read(jsonLines({ prompt: 'Q', chosen: 'A', rejected: 'B', from: ' web ' }), 'source=from');
  assert.equal(sourced[0]?.source, 'web');
  const blank = read(jsonLines({ question: 'Q', good: ' ', bad: 'B' }), renamed);
  await assert.rejects(blank, refused(/empty/, /field "chosen" \(column "good"\)/));
  const missing = read(jsonLines({ question: 'Q', good: 'A' }), renamed);
  await assert.rejects(missing, refused(/missing field "rejected"/, /column "bad"/));
  const said = (content: string): object[] => [{ role: 'assistant', content }];
  const noPrompt = read(jsonLines({ prompt: 'Q', chosen: said('A'), rejected: said('B') }), 'prompt=question');
  await assert.rejects(noPrompt, refused(/the row has no column "question", named for "prompt"/, /pairs\.jsonl:1/));
  for (const [columns, what] of [
    ['prompt', /not have the form/],
    ['prompt=', /not have the form/],
    ['reply=x', /an unknown field/],
    ['prompt=a,prompt=b', /second time/],
  ] as const) {
    assert.throws(() => parseColumns(columns), refused(what, /columns/));
  }
});
