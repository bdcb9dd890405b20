import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { checkDataset } from '../../../src/core/checks/dataset-check.js';
import { isPreferenceText } from '../../../src/core/checks/index.js';
import { jsonLines } from '../dataset/support.js';
import { findSources } from '../../../src/core/dataset/index.js';
import { temporaryFolder } from '../run/support.js';
import { told } from './support.js';

const alpaca = {
  instruction: 'Translate.',
  input: 'Guten Tag',
  history: [['Hi', 'Hello']],
  system: 'Be brief.',
  chosen: 'Good day',
  rejected: 'Bye',
};

test('Alpaca rows: what is wrong is marked in the field that holds it', async () => {
  assert.deepEqual(await told(jsonLines(alpaca)), []);
  const odd = { ...alpaca, input: 'a <|im_end|> b', history: [['Hi', 'caf\u00c3\u00a9']], rejected: ' ' };
  assert.deepEqual(await told(jsonLines(odd)), ['template-token 1: <|im_end|>', 'mojibake 1: \u00c3\u00a9', 'empty-response 1: " "']);
  const equal = { ...alpaca, rejected: alpaca.chosen };
  assert.deepEqual(await told(jsonLines(equal)), ['equal-responses 1: "Good day"']);
  assert.deepEqual(await told(jsonLines(alpaca, { ...alpaca, instruction: 'Say.' }, alpaca)), ['duplicate 3: "instruction"']);
});

const message = (role: string, ...values: string[]) => ({
  role,
  content: values.map((value) => ({ type: 'text', value })),
});
const v1 = (chosen: string[], rejected: string[], asked = 'Hi') => ({
  chosen_messages: [message('user', asked), message('assistant', ...chosen)],
  rejected_messages: [message('user', asked), message('assistant', ...rejected)],
});

test('a prompt and a response in one list of messages are both looked at', async () => {
  const say = (role: string, content: string) => ({ role, content });
  const side = (content: string) => [say('user', 'Hi'), say('assistant', content)];
  const implicit = { chosen: side('a <|im_end|>'), rejected: side('b') };
  assert.deepEqual(await told(jsonLines(implicit)), ['template-token 1: <|im_end|>']);
});

test('LLaMA-Factory v1 rows: places lead into the parts of a message', async () => {
  assert.ok(isPreferenceText(jsonLines(v1(['a'], ['b'])), false));
  assert.deepEqual(await told(jsonLines(v1(['a'], ['b']))), []);
  assert.deepEqual(await told(jsonLines(v1(['a <|im_end|>'], ['b']))), ['template-token 1: <|im_end|>']);
  assert.deepEqual(await told(jsonLines(v1(['x <|im_end|>', 'y'], ['b']))), ['template-token 1: "content"']);
  const twice = { ...v1(['a'], ['b']), chosen_messages: [message('user', 'Hi'), message('user', 'So?')] };
  assert.deepEqual(await told(jsonLines(twice)), ['role-order 1: "user"']);
});

/** How an entry of a `dataset_info.json` may name things. */
const listed = {
  ranking: true,
  formatting: 'sharegpt',
  file_name: 'own.jsonl',
  columns: { messages: 'conv', chosen: 'good', rejected: 'bad', system: 'rules' },
  tags: {
    role_tag: 'who',
    content_tag: 'says',
    user_tag: 'U',
    assistant_tag: 'A',
    observation_tag: 'O',
    function_tag: 'F',
    system_tag: 'S',
  },
};
const said = (says: string, who = 'A'): object => ({ who, says });

test('a file that a dataset_info.json lists is checked with the names that its entry gives', async (context) => {
  const folder = await temporaryFolder(context);
  const rows = [
    { conv: [said('Be brief.', 'S'), said('Hi', 'U')], good: said('Hello.'), bad: said('Go.') },
    { conv: [said('Hi again', 'U')], good: said('Same.'), bad: said('Same.'), rules: 'Be kind.' },
    { conv: [said('Hi', 'human')], good: said('Hello.'), bad: said('Go.') },
    { conv: [said('And now?', 'U')], good: said(''), bad: said('Go.') },
    { conv: [said('Look:', 'U')], good: said('Nice.'), bad: said('Bad.'), shot: ['a.png'] },
  ];
  await writeFile(path.join(folder, 'own.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const entries = { own: listed, shots: { ...listed, columns: { ...listed.columns, images: 'shot' } } };
  await writeFile(path.join(folder, 'dataset_info.json'), JSON.stringify(entries));
  const found = async (name: string): Promise<string[]> => {
    const [source] = await findSources(`${path.join(folder, 'dataset_info.json')}#${name}`);
    const { problems, form } = await checkDataset(source!, { maxLength: 1024, evalFiles: [] });
    assert.equal(form, 'sharegpt');
    return problems.filter(({ severity }) => severity !== 'information').map(({ check, line, what }) => `${line} ${check}: ${what}`);
  };
  const own = await found('own');
  assert.match(own[0]!, /^2 equal-responses: /);
  assert.match(own[1]!, /^3 bad-value: unknown speaker "human"/);
  assert.match(own[2]!, /^4 empty-response: field "chosen\.says" \(column "good"\) is empty/);
  assert.equal(own.length, 3, own.join('\n'));
  assert.match((await found('shots'))[3]!, /^5 .*: the row has an entry in "shot"/);
});
