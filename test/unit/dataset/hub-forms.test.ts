import assert from 'node:assert/strict';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { Dataset, type PairingOptions, type PairText } from '../../../src/core/dataset/index.js';
import { datasetFile, errorOf, jsonLines, readPairs } from './support.js';

// Rows as the hub's preference sets and the tools' documentation have them.

const user = { role: 'user', content: 'Name a colour.' };
const blue = { role: 'assistant', content: 'Blue.' };
const seven = { role: 'assistant', content: 'Seven.' };
const system = { role: 'system', content: 'Be brief.' };
const asMessages = { kind: 'messages', prompt: [user], chosen: [blue], rejected: [seven], row: 0, line: 1 };

async function read(
  t: TestContext,
  rows: readonly unknown[],
  options: Partial<PairingOptions> = {},
): Promise<{ dataset: Dataset; pairs: PairText[] }> {
  const dataset = await Dataset.open(await datasetFile(t, jsonLines(...rows)), { pairing: 'all', minMargin: 0, ...options });
  const pairs: PairText[] = [];
  for await (const pair of dataset.pairs()) pairs.push(pair);
  return { dataset, pairs };
}

/** The responses of each pair, by their first message. */
function sides(pairs: readonly PairText[]): string[] {
  const text = (side: PairText['chosen']): string => (typeof side === 'string' ? side : (side[0]?.content ?? ''));
  return pairs.map(({ chosen, rejected }) => `${text(chosen)} > ${text(rejected)}`);
}

test('ms-swift: the last answer is chosen over rejected_response', async (t) => {
  const { dataset, pairs } = await read(t, [
    { messages: [user, blue], rejected_response: 'Seven.' },
    { messages: [system, user, seven, user, blue], rejected_response: 'Seven.', label: null, margin: 1 },
    { messages: [user, blue], rejected_response: [seven] },
  ]);
  assert.equal(dataset.form, 'ms-swift');
  assert.deepEqual(pairs, [
    asMessages,
    { ...asMessages, prompt: [system, user, seven, user], row: 1, line: 2 },
    { ...asMessages, row: 2, line: 3 },
  ]);
});

test('ms-swift: rejected_messages is a conversation of its own; rejected_response goes before it', async (t) => {
  const { dataset, pairs } = await read(t, [
    { messages: [system, user, blue], rejected_messages: [system, user, seven] },
    { messages: [user, blue], rejected_messages: [user, seven], rejected_response: null },
    { messages: [user, blue], rejected_messages: [user, { ...seven, content: 'Eight.' }], rejected_response: 'Seven.' },
    { messages: [user, blue], rejected_messages: null, rejected_response: 'Seven.' },
  ]);
  assert.equal(dataset.form, 'ms-swift');
  assert.deepEqual(
    pairs.map(({ prompt, chosen, rejected }) => ({ prompt, chosen, rejected })),
    [[system, user], [user], [user], [user]].map((prompt) => ({ prompt, chosen: [blue], rejected: [seven] })),
  );
});

test('ms-swift: a system text of its own, unless the messages begin with one', async (t) => {
  const { pairs } = await read(t, [
    { system: 'Be brief.', messages: [user, blue], rejected_response: 'Seven.' },
    { system: 'Be brief.', messages: [user, blue], rejected_messages: [user, seven] },
    { system: 'Be long.', messages: [system, user, blue], rejected_response: 'Seven.' },
    // What is not trained on in the prompt is no matter: none of it is.
    { system: null, messages: [user, { ...seven, loss: false }, user, { ...blue, loss: true }], rejected_response: 'Seven.' },
    { system: null, messages: [user, blue], rejected_response: 'Seven.' },
    { system: '', messages: [user, blue], rejected_response: 'Seven.' },
  ]);
  assert.deepEqual(
    pairs.map(({ prompt }) => prompt),
    [[system, user], [system, user], [system, user], [user, seven, user], [user], [user]],
  );
});

test('ms-swift: calls of tools are calls of the assistant that speaks before them', async (t) => {
  const call = (name: string): object => ({ role: 'tool_call', content: JSON.stringify({ name, arguments: { at: 1 } }) });
  const made = (name: string): object => ({ type: 'function', function: { name, arguments: { at: 1 } } });
  const result = { role: 'tool_response', content: '{"blue": 1}' };
  const tools = [{ type: 'function', function: { name: 'look' } }];
  const { pairs } = await read(t, [
    {
      tools: JSON.stringify(tools),
      messages: [user, { role: 'assistant', content: 'I look.' }, call('look'), call('see'), result, result, blue],
      rejected_response: 'Seven.',
    },
    {
      tools,
      rejected_tools: tools,
      messages: [user, call('look')],
      rejected_messages: [user, call('see')],
    },
  ]);
  const tool = { role: 'tool', content: '{"blue": 1}' };
  const looks = { role: 'assistant', content: 'I look.', tool_calls: [made('look'), made('see')] };
  assert.deepEqual(pairs[0], { ...asMessages, prompt: [user, looks, tool, tool], tools });
  assert.deepEqual(
    [pairs[1]?.chosen, pairs[1]?.rejected, (pairs[1] as { tools?: unknown }).tools],
    [[{ role: 'assistant', tool_calls: [made('look')] }], [{ role: 'assistant', tool_calls: [made('see')] }], tools],
  );
});

test('NeMo: the least rank is best, of two completions or more; equal ranks are counted', async (t) => {
  const completion = (rank: unknown, content: string): object => ({ rank, completion: [{ role: 'assistant', content }] });
  const rows = [
    { context: [system, user], completions: [completion(0, 'a'), completion(1, 'b')], task_name: 'x' },
    { context: [user], completions: [completion(2, 'a'), completion(0, 'b'), completion(2, 'c')] },
    { context: 'Name a colour.', completions: [completion(1, 'a'), completion(0, 'b')] },
  ];
  const { dataset, pairs } = await read(t, rows, { minMargin: 5 });
  assert.equal(dataset.form, 'nemo');
  assert.deepEqual(sides(pairs), ['a > b', 'b > a', 'b > c', 'b > a']);
  assert.deepEqual(dataset.counts, { made: 4, dropped: 1 });
  assert.deepEqual([pairs[0]?.prompt, pairs[3]?.prompt], [[system, user], [user]]);
});

test('HelpSteer3: below zero the first response is better, above it the second, and zero makes no pair', async (t) => {
  const row = (overall_preference: unknown): object => {
    return { domain: 'general', language: 'english', context: [user], response1: 'one', response2: 'two', overall_preference };
  };
  const rows = [-3, -2, -1, 0, 1, 2, 3, '2'].map(row);
  const { dataset, pairs } = await read(t, rows);
  assert.equal(dataset.form, 'helpsteer3');
  assert.deepEqual(sides(pairs), [...Array(3).fill('one > two'), ...Array(4).fill('two > one')]);
  assert.deepEqual(dataset.counts, { made: 7, dropped: 1 });
  assert.deepEqual(pairs[0], {
    ...asMessages,
    chosen: [{ role: 'assistant', content: 'one' }],
    rejected: [{ role: 'assistant', content: 'two' }],
  });
  const strong = await read(t, rows, { minMargin: 2 });
  assert.deepEqual(strong.dataset.counts, { made: 5, dropped: 3 });
});

test('Nectar: answers by rank behind a prompt that is text as it stands', async (t) => {
  const answer = (rank: number, text: string): object => ({ answer: text, model: 'm', rank });
  const { dataset, pairs } = await read(t, [
    {
      prompt: '\n\nHuman: Name a colour.\n\nAssistant: ',
      answers: [answer(2, 'Red.'), answer(1, 'Blue.'), answer(7, 'Seven.'), answer(7, 'Eight.')],
      turns: 1,
      num_responses: 4,
      source: ['sharegpt'],
      good_natured: true,
    },
  ]);
  assert.equal(dataset.form, 'nectar');
  assert.deepEqual(sides(pairs), ['Blue. > Red.', 'Blue. > Seven.', 'Blue. > Eight.', 'Red. > Seven.', 'Red. > Eight.']);
  assert.deepEqual(dataset.counts, { made: 5, dropped: 1 });
  assert.deepEqual([pairs[0]?.kind, pairs[0]?.prompt, pairs[0]?.source], ['text', '\n\nHuman: Name a colour.\n\nAssistant: ', undefined]);
  assert.equal(
    (await read(t, [{ prompt: 'p', answers: [answer(1, 'a'), answer(2, 'b'), answer(3, 'c')] }], { pairing: 'best' })).pairs.length,
    2,
  );
});

test('Chatbot Arena: the winner over the other, whichever side it is on; ties of both kinds are counted', async (t) => {
  const row = { model_a: 'x', model_b: 'y', conversation_a: [user, blue], conversation_b: [user, seven], turn: 1 };
  const swapped = { ...row, conversation_a: [user, seven], conversation_b: [user, blue] };
  const ties = ['tie', 'tie (bothbad)', 'both_bad'].map((winner) => ({ ...row, winner }));
  const { dataset, pairs } = await read(t, [{ ...row, winner: 'model_a' }, ...ties, { ...swapped, winner: 'model_b' }]);
  assert.equal(dataset.form, 'chatbot-arena');
  assert.deepEqual(pairs, [asMessages, { ...asMessages, row: 4, line: 5 }]);
  assert.deepEqual(dataset.counts, { made: 2, dropped: 3 });
});

test('Chatbot Arena: later turns belong to the responses, as far as the vote goes; parts of text are joined', async (t) => {
  const again = { role: 'user', content: 'Another?' };
  const row = { conversation_a: [user, blue, again, blue], conversation_b: [user, seven, again, seven], winner: 'model_a' };
  const parts = (content: string): object[] => [{ type: 'text', text: content, image: null, mimeType: null }];
  const newer = {
    conversation_a: [user, blue].map(({ role, content }) => ({ role, content: parts(content) })),
    conversation_b: [user, seven].map(({ role, content }, index) => ({ role, content: parts(content), num_tokens: index + 3 })),
    winner: 'model_a',
  };
  const { pairs } = await read(t, [{ ...row, turn: 2 }, { ...row, turn: 1 }, row, newer]);
  const whole = { chosen: [blue, again, blue], rejected: [seven, again, seven] };
  assert.deepEqual(pairs, [
    { ...asMessages, ...whole },
    { ...asMessages, row: 1, line: 2 },
    { ...asMessages, ...whole, row: 2, line: 3 },
    { ...asMessages, row: 3, line: 4 },
  ]);
});

test('SHP: 1 is for A and 0 for B; a margin is of the ratio of their scores', async (t) => {
  const row = { post_id: 'x', domain: 'askbaking_train', history: 'Name a colour.', human_ref_A: 'Blue.', human_ref_B: 'Seven.' };
  const rows = [
    { ...row, labels: 1, score_A: 40, score_B: 20, score_ratio: 2.0 },
    { ...row, labels: 0, score_A: 10, score_B: 15, score_ratio: 1.5 },
  ];
  const { dataset, pairs } = await read(t, rows);
  assert.equal(dataset.form, 'shp');
  assert.deepEqual(sides(pairs), ['Blue. > Seven.', 'Seven. > Blue.']);
  assert.deepEqual(pairs[0], asMessages);
  const wide = await read(t, rows, { minMargin: 2 });
  assert.deepEqual([sides(wide.pairs), wide.dataset.counts], [['Blue. > Seven.'], { made: 1, dropped: 1 }]);
  assert.equal((await read(t, [{ ...row, labels: 1 }])).pairs.length, 1);
  await assert.rejects(read(t, [{ ...row, labels: 1 }], { minMargin: 2 }), /missing field "score_ratio"/);
});

const arena = { conversation_a: [user, blue], conversation_b: [user, seven], winner: 'model_a' };
const steer = { context: [user], response1: 'a', response2: 'b', overall_preference: 1 };
const shp = { history: 'h', human_ref_A: 'a', human_ref_B: 'b', labels: 1 };
const nectar = {
  prompt: 'p',
  answers: [
    { answer: 'a', rank: 1 },
    { answer: 'b', rank: 2 },
  ],
};
const nemo = {
  context: [user],
  completions: [
    { rank: 0, completion: [blue] },
    { rank: 1, completion: [seven] },
  ],
};
const without = (row: object, name: string): object => Object.fromEntries(Object.entries(row).filter(([key]) => key !== name));

const wrong: readonly (readonly [name: string, row: object, what: RegExp, field: string, advice: RegExp])[] = [
  [
    'swift without a rejected response',
    { messages: [user, blue], rejected_response: null },
    /must be text, not null/,
    'rejected_response',
    /make it text/,
  ],
  ['swift, an empty one', { messages: [user, blue], rejected_response: ' ' }, /is empty/, 'rejected_response', /write the text/],
  ['swift, several', { messages: [user, blue], rejected_response: ['a', 'b'] }, /must be text/, 'rejected_response', /make it/],
  [
    'swift ending with the user',
    { messages: [user], rejected_response: 'a' },
    /end with the user/,
    'messages[0].role',
    /assistant should say/,
  ],
  ['swift without a question', { messages: [blue], rejected_response: 'a' }, /no message of a user/, 'messages', /before the response/],
  ['swift, nothing common', { messages: [user, blue], rejected_messages: [seven] }, /no message in common/, 'messages', /begin both/],
  [
    'swift, an empty answer',
    { messages: [user, { ...blue, content: '' }], rejected_response: 'a' },
    /is empty/,
    'messages[1].content',
    /./,
  ],
  [
    'swift, a call that is no JSON',
    { messages: [user, { role: 'tool_call', content: 'look' }], rejected_response: 'a' },
    /not JSON/,
    'messages[1].content',
    /"name"/,
  ],
  [
    'swift, a weight',
    { messages: [user, { ...blue, loss: false }], rejected_response: 'a' },
    /not to be trained on/,
    'messages[1].loss',
    /remove/,
  ],
  [
    'swift, other tools',
    { messages: [user, blue], tools: [{ name: 'a' }], rejected_messages: [user, seven], rejected_tools: [{ name: 'b' }] },
    /other tools/,
    'rejected_tools',
    /same tools/,
  ],
  ['swift, a picture', { messages: [user, blue], rejected_response: 'a', images: ['cat.png'] }, /only text/, 'images', /remove the row/],
  [
    'swift, a picture of the rejected one',
    { messages: [user, blue], rejected_messages: [user, seven], rejected_images: ['cat.png'] },
    /only text/,
    'rejected_images',
    /remove the row/,
  ],
  ['NeMo without context', without(nemo, 'context'), /missing field "context"/, 'context', /add it/],
  [
    'NeMo without a rank',
    { ...nemo, completions: [nemo.completions[0], { completion: [seven] }] },
    /missing field/,
    'completions[1].rank',
    /add it/,
  ],
  [
    'NeMo, a rank that is none',
    { ...nemo, completions: [nemo.completions[0], { completion: [seven], rank: 'x' }] },
    /must be a number/,
    'completions[1].rank',
    /./,
  ],
  [
    'NeMo, a completion of text',
    { ...nemo, completions: [nemo.completions[0], { completion: 'b', rank: 1 }] },
    /must be a list/,
    'completions[1].completion',
    /./,
  ],
  ['NeMo, one completion', { ...nemo, completions: [nemo.completions[0]] }, /only one response/, 'completions[0].completion', /give two/],
  ['HelpSteer3 without context', without(steer, 'context'), /missing field "context"/, 'context', /add it/],
  ['HelpSteer3 without a response', without(steer, 'response2'), /missing field/, 'response2', /add it/],
  ['HelpSteer3 without a preference', without(steer, 'overall_preference'), /missing field/, 'overall_preference', /add it/],
  [
    'HelpSteer3, beyond the scale',
    { ...steer, overall_preference: -100 },
    /is -100, not between -3 and 3/,
    'overall_preference',
    /response1 is better/,
  ],
  ['Nectar without a rank', { ...nectar, answers: [nectar.answers[0], { answer: 'b' }] }, /missing field/, 'answers[1].rank', /add it/],
  ['Nectar, an empty answer', { ...nectar, answers: [nectar.answers[0], { answer: '', rank: 2 }] }, /is empty/, 'answers[1].answer', /./],
  ['Nectar without a prompt', without(nectar, 'prompt'), /missing field "prompt"/, 'prompt', /add it/],
  ['Arena without a winner', without(arena, 'winner'), /missing field "winner"/, 'winner', /add it/],
  ['Arena without a side', without(arena, 'conversation_b'), /missing field/, 'conversation_b', /add it/],
  ['Arena, the model for winner', { ...arena, winner: 'gpt-4' }, /unknown winner "gpt-4"/, 'winner', /model_a, model_b, tie/],
  ['Arena, other questions', { ...arena, conversation_b: [{ ...user, content: 'x' }, seven] }, /in common/, 'conversation_a', /begin both/],
  ['Arena, an empty answer', { ...arena, conversation_b: [user, { ...seven, content: '' }] }, /is empty/, 'conversation_b[1].content', /./],
  [
    'Arena, a picture',
    { ...arena, conversation_b: [{ role: 'user', content: [{ type: 'image', image: 'x' }] }, seven] },
    /only text/,
    'conversation_b[0].content[0].type',
    /remove/,
  ],
  ['SHP without history', without(shp, 'history'), /missing field "history"/, 'history', /add it/],
  ['SHP without labels', without(shp, 'labels'), /missing field "labels"/, 'labels', /add it/],
  ['SHP, a label that is none', { ...shp, labels: 2 }, /is 2, not 0 or 1/, 'labels', /human_ref_A is preferred/],
  ['SHP, the worse preferred', { ...shp, score_ratio: 0.5 }, /lower score/, 'score_ratio', /fix it/],
  ['KTO', { prompt: 'p', completion: 'a', label: true }, /unpaired feedback, as KTO/, 'label', /make pairs/],
  ['KTO of messages', { prompt: [user], completion: [blue], label: false }, /unpaired feedback/, 'label', /make pairs/],
  ['KTO without a prompt', { completion: 'a', label: 1 }, /unpaired feedback/, 'label', /make pairs/],
  ['KTO of ms-swift', { messages: [user, blue], label: false }, /unpaired feedback/, 'label', /make pairs/],
  ['KTO of LLaMA-Factory', { instruction: 'p', output: 'a', kto_tag: true }, /unpaired feedback/, 'kto_tag', /make pairs/],
];

for (const [name, row, what, field, advice] of wrong) {
  test(`${name}: one error with its place and what to do`, async (t) => {
    const file = await datasetFile(t, jsonLines(row));
    const error = await errorOf(file);
    assert.match(error.what, what);
    assert.equal(error.where, `${file}:1, field "${field}"`);
    assert.match(error.advice, advice);
  });
}

test('KTO rows that were given names of a pair are read as that', async (t) => {
  const file = await datasetFile(t, jsonLines({ prompt: 'p', completion: 'a', other: 'b', label: true }));
  const dataset = await Dataset.open(file, { pairing: 'all', minMargin: 0, columns: { chosen: 'completion', rejected: 'other' } });
  for await (const pair of dataset.pairs()) assert.deepEqual([pair.chosen, pair.rejected], ['a', 'b']);
  assert.equal(dataset.form, 'trl-explicit');
});

test('a file of ties alone has no pair', async (t) => {
  assert.match((await errorOf(await datasetFile(t, jsonLines({ ...arena, winner: 'tie' })))).what, /no pairs are left: all 1/);
  assert.equal((await readPairs(await datasetFile(t, jsonLines({ ...arena, winner: 'tie' }, arena)))).pairs.length, 1);
});

const hub = path.resolve(import.meta.dirname, '../../fixtures/datasets/hub');

const tables: readonly (readonly [name: string, form: string, made: number, dropped: number])[] = [
  ['helpsteer3', 'helpsteer3', 1, 1],
  ['arena', 'chatbot-arena', 1, 1],
  ['arena-parts', 'chatbot-arena', 1, 0],
  ['shp', 'shp', 1, 0],
  ['ms-swift', 'ms-swift', 2, 0],
  ['nemo', 'nemo', 1, 0],
];

for (const [name, form, made, dropped] of tables) {
  test(`${name}.parquet, laid out as it is published`, async () => {
    const { dataset, pairs } = await readPairs(path.join(hub, `${name}.parquet`));
    assert.equal(dataset.form, form);
    assert.deepEqual(dataset.counts, { made, dropped });
    for (const [row, pair] of pairs.entries()) assert.deepEqual(pair, { ...asMessages, row, line: undefined });
    // What is left out is named, and none of it is a part of the prompt.
    assert.deepEqual(dataset.columns.warnings, []);
  });
}

test('nectar.parquet, whose ranks are floats', async () => {
  const { dataset, pairs } = await readPairs(path.join(hub, 'nectar.parquet'));
  assert.deepEqual([dataset.form, sides(pairs), dataset.columns.warnings], ['nectar', ['Blue. > Seven.'], []]);
});

test('KTO tables are told as KTO rows are', async (t) => {
  const file = path.join(hub, 'kto.parquet');
  const error = await errorOf(file);
  assert.match(error.what, /unpaired feedback, as KTO/);
  assert.equal(error.where, `${file}, row 1, field "label"`);
  assert.match((await errorOf(await datasetFile(t, 'prompt,completion,label\np,a,True\n', 'pairs.csv'))).what, /unpaired feedback, as KTO/);
});

test('a table of pairs is not refused for columns that only other forms read', async () => {
  const { dataset, pairs } = await readPairs(path.join(hub, 'beside.parquet'));
  assert.deepEqual([dataset.form, pairs.length], ['trl-explicit', 1]);
});
