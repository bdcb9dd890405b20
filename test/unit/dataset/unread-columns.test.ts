import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { meaningOf } from '../../../src/core/dataset/column-names.js';
import { remedyFlag, unreadSentence } from '../../../src/core/dataset/column-words.js';
import { Dataset, findSources, parseColumns, type ColumnReport, type ReadOptions } from '../../../src/core/dataset/index.js';
import { isWrittenMessages } from '../../../src/core/dataset/text-messages.js';
import { datasetFile, errorOf, jsonLines } from './support.js';

const options = { pairing: 'all', minMargin: 0 } as const;

async function report(file: string, more: Partial<ReadOptions> = {}): Promise<ColumnReport> {
  const dataset = await Dataset.open(file, { ...options, ...more });
  for await (const _ of dataset.pairs());
  return dataset.columns;
}

async function reportOf(t: TestContext, rows: readonly unknown[], more: Partial<ReadOptions> = {}): Promise<ColumnReport> {
  return report(await datasetFile(t, jsonLines(...rows)), more);
}

const names = ({ unread }: ColumnReport): string[] => unread.map(({ name }) => name);
const message = (role: string, content: string): object => ({ role, content });
const orca = { system: 'You are x', question: 'why?', chosen: 'because', rejected: 'no' };

test('Orca rows: the question and the system text are named, with columns that read them', async (t) => {
  const found = await reportOf(t, [
    { id: 1, ...orca },
    { ...orca, system: '' },
  ]);
  assert.deepEqual(names(found), ['id', 'system', 'question']);
  const [warning, ...others] = found.warnings;
  assert.deepEqual(others, []);
  assert.equal(warning?.kind, 'lost-text');
  assert.deepEqual(warning.columns, ['system', 'question']);
  assert.equal(warning.what, '"system" and "question" hold text in all 2 rows, but are not read, and the prompt is empty');
  assert.deepEqual(
    warning.remedies.map(({ kind, columns }) => [kind, columns]),
    [
      ['chat', 'instruction=question'],
      ['text', 'prompt=question'],
    ],
  );
  assert.match(warning.advice, /--columns instruction=question/);
  assert.deepEqual(warning.first, { row: 0, line: 1 });
});

test('what a remedy promises is so: all that was lost is read, and nothing is told any more', async (t) => {
  const rows = [
    [orca],
    [{ sys_prompt: 'Be kind.', user_query: 'Why is it?', chosen: 'a b', rejected: 'c d' }],
    [{ question: 'Who?', passage: 'A long passage.', chosen: 'a b', rejected: 'c d' }],
    [{ system: 'Be kind to all.', prompt: 'Why is it?', chosen: 'a b', rejected: 'c d' }],
    [{ instruction: 'Say it.', context: 'In a dark wood.', systemPrompt: 'Be kind to all.', chosen: 'a b', rejected: 'c d' }],
    [{ prompt: 'Go on.', history: [['Who are you?', 'Nobody at all.']], chosen: 'a b', rejected: 'c d' }],
    [{ Frage: 'Warum ist das so?', chosen: 'a b', rejected: 'c d' }],
    [{ input: 'Why is it?', system: 'You know all.', chosen: 'a b', rejected: 'c d', generations: ['a b', 'c d'] }],
  ];
  for (const some of rows) {
    const [warning] = (await reportOf(t, some)).warnings;
    const chat = warning?.remedies.find(({ kind }) => kind === 'chat');
    assert.ok(warning && chat, JSON.stringify(some));
    assert.deepEqual([...chat.reads].sort(), [...warning.columns].sort(), JSON.stringify(some));
    assert.deepEqual((await reportOf(t, some, { columns: parseColumns(chat.columns) })).warnings, [], chat.columns);
  }
});

test('what the prompt holds already, and what is only about a row, is named and no more', async (t) => {
  const asked = [message('user', 'why is it so?')];
  const answered = [...asked, message('assistant', 'because')];
  const refused = [...asked, message('assistant', 'no')];
  const rows: readonly [object, readonly string[]][] = [
    [
      {
        prompt: 'why is it so?',
        prompt_id: 'ab',
        chosen: answered,
        rejected: refused,
        messages: answered,
        score_chosen: 8,
        score_rejected: 2,
      },
      ['prompt', 'prompt_id', 'messages', 'score_chosen', 'score_rejected'],
    ],
    [
      { prompt: '<|user|>\nwhy is it so?<|end|>', user_query: 'why  is\tit so?', chosen: answered, rejected: refused },
      ['prompt', 'user_query'],
    ],
    [
      {
        prompt: 'Q: why is it so?\nA:',
        question: 'why is it so?',
        chosen: ' x',
        rejected: ' y',
        chosen_model: 'gpt four',
        metadata: { a: 1 },
      },
      ['question', 'chosen_model', 'metadata'],
    ],
    [
      {
        prompt: 'q',
        chosen: 'x',
        rejected: 'y',
        rationale: 'A long text that says why.',
        response: 'Another text.',
        system: null,
        history: [],
      },
      ['rationale', 'response'],
    ],
    [
      { source: 'web', instruction: 'say', input: 'it', system: 'be kind', history: [], chosen: 'x', rejected: 'y', user_id: 'a b' },
      ['user_id'],
    ],
    [
      {
        prompt: 'q',
        completions: [
          { response: 'x', score: 2, model: 'm' },
          { response: 'y', score: 1 },
        ],
        correct_answers: ['a b'],
      },
      ['correct_answers'],
    ],
    [
      {
        input: { messages: asked },
        preferred_output: [message('assistant', 'x')],
        non_preferred_output: [message('assistant', 'y')],
        user: 'alice',
      },
      ['user'],
    ],
  ];
  for (const [row, expected] of rows) {
    const found = await reportOf(t, [row]);
    assert.deepEqual(found.warnings, [], JSON.stringify(row));
    assert.deepEqual(names(found), expected);
  }
});

test('a text that is lost beside messages is told with advice, for no columns would read it', async (t) => {
  const sharegpt = {
    conversations: [{ from: 'human', value: 'hi' }],
    chosen: { from: 'gpt', value: 'a' },
    rejected: { from: 'gpt', value: 'b' },
  };
  const [named] = (await reportOf(t, [{ ...sharegpt, system_prompt: 'You are kind.' }])).warnings;
  assert.deepEqual(
    named?.remedies.map(({ columns }) => columns),
    ['system=system_prompt'],
  );
  const explicit = { prompt: [message('user', 'hi')], chosen: [message('assistant', 'a')], rejected: [message('assistant', 'b')] };
  const [warning] = (await reportOf(t, [{ ...explicit, system: 'You are kind.' }])).warnings;
  assert.equal(warning?.kind, 'lost-system');
  assert.deepEqual(warning.remedies, []);
  assert.match(warning.advice, /first message with the role "system"/);
});

test('columns of CSV, TSV, gzip and JSON lists are told of alike', async (t) => {
  const csv = 'system,question,chosen,rejected\nYou are x,why?,because,no\n';
  const files = [
    await datasetFile(t, csv, 'pairs.csv'),
    await datasetFile(t, csv.replaceAll(',', '\t'), 'pairs.tsv'),
    await datasetFile(t, gzipSync(csv), 'pairs.csv.gz'),
    await datasetFile(t, JSON.stringify([orca], undefined, 2), 'pairs.json'),
  ];
  for (const file of files) {
    const found = await report(file);
    assert.deepEqual(names(found), ['system', 'question'], file);
    assert.deepEqual(
      found.warnings.map(({ kind }) => kind),
      ['lost-text'],
      file,
    );
    assert.equal(found.warnings[0]?.remedies[0]?.columns, 'instruction=question', file);
  }
});

test('messages written as text, by JSON, Python, NumPy, are told of where they are read', async (t) => {
  const python = `[{'content': 'hi', 'role': 'user'}, {'content': 'a', 'role': 'assistant'}]`;
  const numpy = `[{'content': "it's", 'role': 'user'}\n {'content': 'a', 'role': 'assistant'}]`;
  const written = [
    python,
    numpy,
    `array([${python.slice(1, -1)}], dtype=object)`,
    JSON.stringify([message('user', 'hi')]),
    `{"from": "human", "value": "x"}`,
  ];
  for (const text of written) assert.ok(isWrittenMessages(text), text);
  for (const text of ['[1, 2]', "['a', 'b']", 'The role: user', '{"name": "x"}', '[{"content": 1}]', 'role = {"role"'])
    assert.ok(!isWrittenMessages(text), text);
  const file = await datasetFile(
    t,
    `prompt,chosen,rejected\nhi,"${python}","[{'content': 'b', 'role': 'assistant'}]"\nhi,a,b\n`,
    'pairs.csv',
  );
  const [warning, ...others] = (await report(file)).warnings;
  assert.deepEqual(others, []);
  assert.equal(warning?.kind, 'written-messages');
  assert.equal(
    warning.what,
    '"chosen" and "rejected" hold messages written as text in 1 of 2 rows: the brackets and quotes would be trained',
  );
  assert.match(warning.advice, /JSON lines or Parquet/);
  assert.deepEqual(warning.first, { row: 0, line: 2 });
  const listed = await errorOf(await datasetFile(t, `conversations,chosen,rejected\n"${python}",a,b\n`, 'pairs.csv'));
  assert.match(listed.advice, /^it is messages written as text: write the file again as JSON lines or Parquet/);
});

test('rows with images, videos or sounds are refused; placeholders without them are told of', async (t) => {
  const turn = {
    conversations: [{ from: 'human', value: '<image> What is it?' }],
    chosen: { from: 'gpt', value: 'a' },
    rejected: { from: 'gpt', value: 'b' },
  };
  for (const media of [
    { images: ['x.jpg'] },
    { videos: ['x.mp4'] },
    { audios: [{ path: 'x.wav' }] },
    { image: { bytes: 'aGk=' } },
    { image_url: 'https://x/y.png' },
  ]) {
    const error = await errorOf(await datasetFile(t, jsonLines({ ...turn, ...media })));
    const [name] = Object.keys(media);
    assert.match(error.what, new RegExp(`in "${name}", and only text can be trained on`));
    assert.match(error.where, new RegExp(`:1, field "${name}"$`));
  }
  const found = await reportOf(t, [{ ...turn, images: [], num_images: 0, has_image: true }]);
  assert.deepEqual(
    found.warnings.map(({ kind, rows }) => [kind, rows]),
    [['media-placeholder', 1]],
  );
  const markup = { prompt: 'Close <video></video>', chosen: 'x', rejected: 'y' };
  assert.deepEqual((await reportOf(t, [markup])).warnings, []);
});

test('a column that is named for a field and that no row has is told of', async (t) => {
  const found = await reportOf(t, [orca], { columns: parseColumns('prompt=qestion') });
  const missing = found.warnings.find(({ kind }) => kind === 'missing-column');
  assert.equal(missing?.what, 'no row has the column "qestion" given for "prompt", so that field is not read');
  assert.equal(missing.advice, 'did you mean "question"?');
  const remedies = found.warnings.flatMap((warning) => warning.remedies.map(({ columns }) => columns));
  assert.ok(remedies.length > 0);
  assert.doesNotMatch(remedies.join(' '), /qestion/);
});

test('an entry of a list of datasets leaves out what it does not name, and its own names of images count', async (t) => {
  const file = await datasetFile(
    t,
    jsonLines({ instruction: 'say', system: 'be kind to me', chosen: 'x', rejected: 'y', pics: ['x.jpg'] }),
  );
  const folder = path.dirname(file);
  const listed = async (columns: object): Promise<Partial<ReadOptions> & { path: string }> => {
    const entry = {
      file_name: 'pairs.jsonl',
      ranking: true,
      columns: { prompt: 'instruction', chosen: 'chosen', rejected: 'rejected', ...columns },
    };
    await writeFile(path.join(folder, 'dataset_info.json'), JSON.stringify({ it: entry }));
    const [source] = await findSources(`${path.join(folder, 'dataset_info.json')}#it`);
    assert.ok(source);
    const { form, columns: map, tags, media } = source;
    return { form, columns: map, tags, media, isListed: true, path: source.path };
  };
  const { path: data, ...read } = await listed({});
  const found = await report(data, read);
  assert.deepEqual(names(found), ['system', 'pics']);
  assert.match(found.warnings[0]?.advice ?? '', /under "columns" of the dataset's entry/);
  const { path: again, ...withImages } = await listed({ images: 'pics' });
  await assert.rejects(report(again, withImages), /in "pics"/);
});

const fixture = (name: string): string => path.resolve(import.meta.dirname, '../../fixtures/datasets/columns', name);

test('Parquet is told of alike; a column that stays packed is named', async () => {
  const orca = await report(fixture('orca.parquet'));
  assert.deepEqual(names(orca), ['question', 'system', 'index']);
  assert.deepEqual(
    orca.warnings.map(({ kind, columns }) => [kind, columns]),
    [['lost-text', ['question', 'system']]],
  );
  assert.deepEqual(
    orca.warnings[0]?.remedies.map(({ columns }) => columns),
    ['instruction=question', 'prompt=question'],
  );
  assert.deepEqual(
    orca.unread.map(({ rows }) => rows),
    [2, 1, undefined],
  );
  const binarized = await report(fixture('binarized.parquet'));
  assert.deepEqual(binarized.warnings, []);
  assert.deepEqual(names(binarized).sort(), ['messages', 'prompt', 'prompt_id', 'score_chosen', 'score_rejected']);
  const unknown = await report(fixture('unknown-name.parquet'));
  assert.deepEqual(
    unknown.warnings.map(({ columns }) => columns),
    [['Frage']],
  );
  assert.equal(unknown.warnings[0]?.remedies[0]?.columns, 'prompt=Frage');
});

test('pictures in Parquet are refused, as structs and as bytes', async () => {
  for (const [name, column] of [
    ['images.parquet', 'images'],
    ['image-bytes.parquet', 'image'],
  ] as const) {
    const error = await errorOf(fixture(name));
    assert.match(error.what, new RegExp(`in "${column}", and only text`));
    assert.match(error.where, /, row 1, field/);
  }
});

test('names tell what a column holds', () => {
  const expected = {
    question: 'question',
    user_prompt: 'question',
    userQuery: 'question',
    'Input Text': 'context',
    prompt_id: 'about',
    labelling_prompt: 'about',
    system_prompt: 'system',
    systemMessage: 'system',
    system_id: 'about',
    chosen_score: 'about',
    chat_history: 'history',
    conversation: 'history',
    images: 'media',
    image_path: 'media',
    pixel_values: 'media',
    image_caption: 'none',
    foo: 'none',
    original_response: 'about',
  };
  for (const [name, meaning] of Object.entries(expected)) assert.equal(meaningOf(name), meaning, name);
  assert.equal(remedyFlag({ kind: 'text', columns: 'prompt=the question', reads: [] }), "--columns 'prompt=the question'");
  assert.equal(unreadSentence([{ name: 'a' }, { name: 'b' }]), '2 columns are not read: a, b');
});
