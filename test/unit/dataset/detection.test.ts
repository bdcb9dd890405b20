import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RowReader, type Fields } from '../../../src/core/dataset/fields.js';
import { detectForm, readForm } from '../../../src/core/dataset/forms/index.js';

const user = { role: 'user', content: 'q' };
const good = { role: 'assistant', content: 'a' };
const bad = { role: 'assistant', content: 'b' };

/** Fields of every form, with values of the kinds they have. */
const values: Readonly<Record<string, readonly unknown[]>> = {
  prompt: ['q', [user]],
  chosen: ['a', [good], [user, good]],
  rejected: ['b', [bad], [user, bad]],
  instruction: ['q'],
  conversations: [[{ from: 'human', value: 'q' }]],
  chosen_messages: [[user, good]],
  rejected_messages: [[user, bad]],
  input: ['i', { messages: [user] }],
  preferred_output: [[good]],
  non_preferred_output: [[bad]],
  responses: [['a', 'b']],
  ranks: [[1, 2]],
  scores: [[2, 1]],
  completions: [
    [
      { response: 'a', score: 2 },
      { response: 'b', score: 1 },
    ],
    [
      { completion: [good], rank: 0, content: 'a', score: 2 },
      { completion: [bad], rank: 1, content: 'b', score: 1 },
    ],
    [
      { completion: [good], rank: 0 },
      { completion: [bad], rank: 1 },
    ],
  ],
  messages: [[user, good]],
  rejected_response: ['b'],
  context: ['c', [user]],
  response1: ['a'],
  response2: ['b'],
  overall_preference: [-1, 2],
  answers: [
    [
      { answer: 'a', rank: 1 },
      { answer: 'b', rank: 2 },
    ],
    ['a'],
  ],
  conversation_a: [[user, good]],
  conversation_b: [[user, bad]],
  winner: ['model_a'],
  history: ['q'],
  human_ref_A: ['a'],
  human_ref_B: ['b'],
  labels: [1],
  completion: ['a'],
  label: [true],
};

/** The forms of before, in the order they were looked for. */
function before(fields: Fields): string | undefined {
  const has = (...names: string[]): boolean => names.some((name) => name in fields);
  const sides = has('chosen', 'rejected');
  const lists = (value: unknown): boolean => Array.isArray(value) && !value.some((item) => typeof item === 'string');
  const completions = Array.isArray(fields['completions']);
  if (has('conversations')) return 'sharegpt';
  if (has('chosen_messages', 'rejected_messages')) return 'llamafactory-v1';
  if (has('preferred_output', 'non_preferred_output') || (typeof fields['input'] === 'object' && fields['input'] !== null)) return 'openai';
  if (sides && !has('prompt') && has('instruction') && !lists(fields['chosen'])) return 'alpaca';
  if (sides && !has('prompt')) return 'trl-implicit';
  if (sides && typeof fields['prompt'] === 'string' && lists(fields['chosen']) && lists(fields['rejected'])) return 'trl-implicit';
  if (!sides && !completions && has('responses') && has('ranks')) return 'ranked';
  if (!sides && (completions || has('responses'))) return 'scored';
  return sides || has('prompt') ? 'trl-explicit' : undefined;
}

const options = { pairing: 'all', minMargin: 0 } as const;

function isReadable(form: string, fields: Fields): boolean {
  try {
    readForm(form as Parameters<typeof readForm>[0], new RowReader('', fields), options);
    return true;
  } catch {
    return false;
  }
}

test('whatever a row has beside: one that an earlier form can read stays that form', () => {
  const row = fc.record(Object.fromEntries(Object.entries(values).map(([name, of]) => [name, fc.constantFrom(...of)])), {
    requiredKeys: [],
  });
  // Rows with few fields are like those of files.
  const few = fc.subarray(Object.keys(values), { maxLength: 6 }).chain((names) => {
    return fc.record(Object.fromEntries(names.map((name) => [name, fc.constantFrom(...(values[name] as readonly unknown[]))])));
  });
  fc.assert(
    fc.property(fc.oneof(few, row), (fields) => {
      const [old, now] = [before(fields), detectForm(fields)];
      if (old !== undefined && isReadable(old, fields)) assert.equal(now, old);
      // Only rows of which these forms lack a field can be another's.
      if (old !== now) assert.ok([undefined, 'llamafactory-v1', 'scored', 'trl-explicit'].includes(old), `${old} became ${now}`);
    }),
    { numRuns: 3000 },
  );
});

test('forms that have names in common are told apart', () => {
  const pick = (...names: string[]): Fields => Object.fromEntries(names.map((name) => [name, values[name]?.[0]]));
  const cases: readonly (readonly [Fields, string | undefined])[] = [
    [pick('messages', 'rejected_response'), 'ms-swift'],
    [pick('messages', 'rejected_messages'), 'ms-swift'],
    [pick('rejected_messages'), 'llamafactory-v1'],
    [pick('chosen_messages', 'rejected_messages', 'messages'), 'llamafactory-v1'],
    [pick('messages', 'prompt', 'chosen', 'rejected'), 'trl-explicit'],
    [pick('conversations', 'rejected_response'), 'sharegpt'],
    [pick('messages'), undefined],
    // As many sets name their columns, which --columns reads.
    [{ question: 'q', chosen_response: 'a', rejected_response: 'b' }, undefined],
    [{ ...pick('context'), completions: values['completions']?.[2] }, 'nemo'],
    [{ ...pick('context'), completions: values['completions']?.[1] }, 'scored'],
    [pick('instruction', 'completions'), 'scored'],
    [pick('context', 'response1', 'response2', 'overall_preference'), 'helpsteer3'],
    [pick('prompt', 'response1', 'response2'), 'trl-explicit'],
    [pick('prompt', 'answers'), 'nectar'],
    [{ ...pick('prompt'), answers: ['a', 'b'] }, 'trl-explicit'],
    [pick('prompt', 'answers', 'responses'), 'scored'],
    [pick('conversation_a', 'conversation_b', 'winner'), 'chatbot-arena'],
    [pick('winner'), undefined],
    [pick('history', 'human_ref_A', 'human_ref_B', 'labels'), 'shp'],
    [pick('history', 'labels'), undefined],
    [pick('prompt', 'completion', 'label'), 'trl-explicit'],
  ];
  for (const [fields, form] of cases) assert.equal(detectForm(fields), form, Object.keys(fields).join());
});
