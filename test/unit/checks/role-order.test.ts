import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jsonLines } from '../dataset/support.js';
import { reportOf, told } from './support.js';

const say = (role: string, content: string = role) => ({ role, content });
/** Letters for roles: s(ystem), u(ser), a(ssistant), t(ool), d(eveloper), x (none that is known). */
const roles: Readonly<Record<string, string>> = {
  s: 'system',
  u: 'user',
  a: 'assistant',
  t: 'tool',
  d: 'developer',
  x: 'critic',
};
const messages = (letters: string) => [...letters].map((letter, index) => say(roles[letter]!, `${letter}${index}`));

const row = (prompt: string, chosen: string, rejected = 'a') => ({
  prompt: messages(prompt),
  chosen: messages(chosen),
  rejected: messages(rejected).map(({ role }) => say(role, `${role} rejected`)),
});

for (const [prompt, chosen] of [
  ['u', 'a'],
  ['su', 'a'],
  ['du', 'a'],
  ['suau', 'a'],
  ['u', 'ata'],
  ['uat', 'a'],
  ['uatt', 'aua'],
  ['ux', 'a'],
  ['xx', 'x'],
] as const) {
  test(`${prompt} then ${chosen} is in order`, async () => assert.deepEqual(await told(jsonLines(row(prompt, chosen))), []));
}

for (const [prompt, chosen, what, index] of [
  ['us', 'a', 'a system message that is not the first message', 1],
  ['uu', 'a', 'two user messages in a row', 1],
  ['uaa', 'a', 'two assistant messages in a row', 2],
  ['au', 'a', 'the assistant speaks before the user', 0],
  ['sau', 'a', 'the assistant speaks before the user', 1],
  ['ut', 'a', 'a tool result without a tool call before it', 1],
  ['ua', 'a', 'the prompt ends with the assistant', 1],
  ['s', 'a', 'the prompt has no user message', 0],
  ['u', 'u', 'two user messages in a row', 1],
  ['u', 'au', 'a response ends with the user', 2],
  ['uat', 'ta', 'a response begins with the tool', 3],
] as const) {
  test(`${prompt} then ${chosen}: ${what}`, async () => {
    const text = jsonLines(row(prompt, chosen));
    const { problems } = await reportOf(text);
    assert.deepEqual(
      problems.map((problem) => [problem.check, problem.what]),
      [['role-order', what]],
    );
    const { line, character } = problems[0]!.range.start;
    assert.equal(line, 0);
    // The message's role is marked, not any other's: the messages before it hold as many roles.
    const before = text.slice(0, character);
    assert.equal(before.split('"role":').length - 2, index);
  });
}

test('both responses are judged, in ShareGPT by their own names', async () => {
  const turn = (from: string, value: string) => ({ from, value });
  const text = jsonLines({
    conversations: [turn('human', 'x')],
    chosen: turn('human', 'a'),
    rejected: [turn('gpt', 'b'), turn('gpt', 'c')],
  });
  assert.deepEqual(await told(text), ['role-order 1: "human"', 'role-order 1: "gpt"']);
});

test('messages after a common prompt are numbered in their own list', async () => {
  const [user, first, second] = [say('user'), say('assistant', 'one'), say('assistant', 'two')];
  const text = jsonLines({ chosen: [user, first], rejected: [user, second, say('user', 'end')] });
  assert.deepEqual(await told(text), ['role-order 1: "user"']);
  const { problems } = await reportOf(text);
  assert.ok(problems[0]!.range.start.character > text.indexOf('two'));
});
