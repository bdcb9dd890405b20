// The client of the judge against a server of ours on loopback, in everything that a server may do.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { retryAfter } from '../../../src/core/download/index.js';
import { WishboneError } from '../../../src/core/errors.js';
import { JudgeEndpoint } from '../../../src/core/judge/endpoint.js';
import { question } from '../../../src/core/judge/question.js';
import { type Judged, type StandInJudge, standInJudge } from '../../support/stand-in-judge.js';

const KEY = 'sk-test-0123456789abcdef';
const ASKED = question('What is a heron?', 'A bird.', 'A fish.');

async function served(t: TestContext, judge: StandInJudge['judge']): Promise<StandInJudge> {
  const server = await standInJudge(judge);
  t.after(() => server.stop());
  return server;
}

function endpoint(url: string, { timeout = 5, key = KEY, signal = new AbortController().signal } = {}): JudgeEndpoint {
  const judge = { kind: 'endpoint', url, model: 'stand-in', max_tokens: 64 } as const;
  return new JudgeEndpoint(judge, { key, timeout, atOnce: 1, retry: 0.002 }, signal);
}

test('an answer, with its tokens', async (t) => {
  const server = await served(t, ({ prompt, a, b }) => {
    assert.deepEqual([prompt, a, b], ['What is a heron?', 'A bird.', 'A fish.']);
    return 'It is no fish.\nA';
  });
  for (const url of [server.url, `${server.url}/`, `${server.url}/chat/completions`]) {
    assert.deepEqual(await endpoint(url).ask(ASKED), { words: 'It is no fish.\nA', cut: false, input: 100, output: 10 });
  }
  server.judge = () => ({ words: '', finish: 'length' });
  assert.deepEqual(await endpoint(server.url).ask(ASKED), { words: '', cut: true, input: 100, output: 10 });
  server.judge = () => ({
    text: '{"choices":[{"message":{"content":[{"type":"text","text":"So.\\n"},null,{"type":"text","text":"A"}]}}]}',
  });
  assert.deepEqual(await endpoint(server.url).ask(ASKED), { words: 'So.\nA', cut: false, input: 0, output: 0 });
  const long = `${'x'.repeat(30_000)}\nB`;
  server.judge = () => long;
  const { words } = await endpoint(server.url).ask(ASKED);
  assert.equal(words.length, 20_001);
  assert.ok(words.endsWith('\nB'), 'the end is what is kept');
});

test('a server that is busy or broken is asked again, so many times', async (t) => {
  const answers: Judged[] = [
    { status: 429, headers: { 'Retry-After': '0' }, text: '{}' },
    { status: 500, text: 'oops' },
    { status: 503, headers: { 'Retry-After': new Date(Date.now() - 1000).toUTCString() }, text: '' },
    'tie',
  ];
  const server = await served(t, () => answers.shift() ?? { status: 502, text: '{"error":"no backend"}' });
  assert.equal((await endpoint(server.url).ask(ASKED)).words, 'tie');
  assert.equal(server.questions.length, 4);
  await assert.rejects(endpoint(server.url).ask(ASKED), /502: no backend \(6 times\)/);
  assert.equal(server.questions.length, 10);
});

test('Retry-After is seconds or a date', () => {
  const now = Date.parse('2026-01-02T03:04:05Z');
  assert.equal(retryAfter({ 'retry-after': '12' }, now), 12);
  assert.equal(retryAfter({ 'retry-after': 'Fri, 02 Jan 2026 03:05:05 GMT' }, now), 60);
  assert.equal(retryAfter({ 'retry-after': 'soon' }, now), undefined);
  assert.equal(retryAfter({}, now), undefined);
});

test('parameters that a newer model does not know are left out', async (t) => {
  const refuse = (message: string): Judged => ({ status: 400, text: JSON.stringify({ error: { message } }) });
  const server = await served(t, ({ body }) => {
    if ('max_tokens' in body) return refuse("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.");
    if ('temperature' in body) return refuse("Unsupported value: 'temperature' does not support 0 with this model.");
    return 'B';
  });
  const asked = endpoint(server.url);
  assert.equal((await asked.ask(ASKED)).words, 'B');
  assert.deepEqual(Object.keys(server.questions.at(-1)!.body).sort(), ['max_completion_tokens', 'messages', 'model']);
  await asked.ask(ASKED);
  assert.equal(server.questions.length, 4, 'what was learned is remembered');
  server.judge = () => refuse('temperature, max_completion_tokens');
  await assert.rejects(asked.ask(ASKED), /400: temperature/, 'and tried once');
});

test('what says no, or is none, says so once, without the key', async (t) => {
  const server = await served(t, () => 'tie');
  const fails = async (answer: Judged, says: RegExp, advice = /./): Promise<void> => {
    server.judge = () => answer;
    const before = server.questions.length;
    await assert.rejects(endpoint(server.url, { timeout: 0.3 }).ask(ASKED), (error) => {
      assert.ok(error instanceof WishboneError, String(error));
      assert.match(error.what, says);
      assert.match(error.advice, advice);
      assert.ok(!error.format().includes(KEY));
      return true;
    });
    assert.equal(server.questions.length - before, answer === 'silent' ? 3 : 1);
  };
  await fails(
    { headers: { 'Content-Type': 'text/html; charset=utf-8' }, text: '<!doctype html>' },
    /no OpenAI-compatible endpoint \(text\/html\)/,
  );
  await fails({ text: '{"choices":[]}' }, /no OpenAI-compatible endpoint/);
  await fails({ text: '{"choices":[null]}' }, /no OpenAI-compatible endpoint/);
  await fails({ text: 'null' }, /no OpenAI-compatible endpoint/);
  await fails({ text: `{"choices":"${'x'.repeat(5_000_000)}"}` }, /the answer is too long/);
  await fails({ status: 401, text: `{"error":{"message":"Incorrect key: ${KEY}"}}` }, /401: Incorrect key: \[key\]/, /check the key/);
  await fails({ status: 404, text: '{"error":{"message":"no such model"}}' }, /404: no such model/, /stand-in/);
  await fails({ status: 302, headers: { Location: 'https://example.org/' }, text: '' }, /302/, /leads elsewhere/);
  const spent = '{"error":{"message":"You exceeded your quota","code":"insufficient_quota"}}';
  await fails({ status: 429, text: spent }, /429: You exceeded your quota/, /account/);
  await fails({ status: 503, headers: { 'Retry-After': '3600' }, text: '' }, /left alone for 3600 s/);
  await fails('silent', /no whole answer came within 0\.3 s \(3 times\)/);
  server.judge = ({ authorization }) => `You sent ${authorization}.\ntie`;
  assert.equal((await endpoint(server.url).ask(ASKED)).words, 'You sent Bearer [key].\ntie');
});

test('nobody there, and addresses and keys that cannot be', async (t) => {
  const server = await served(t, () => 'tie');
  const { url } = server;
  await server.stop();
  t.mock.method(server, 'stop', () => Promise.resolve());
  await assert.rejects(endpoint(url).ask(ASKED), /cannot be asked: .*ECONNREFUSED.* \(3 times\)/);
  for (const wrong of ['judge', 'ftp://judge/v1', 'https://me:secret@judge/v1', 'http://judge.example/v1?token=secret']) {
    assert.throws(
      () => endpoint(wrong),
      (error) => error instanceof WishboneError && !error.format().includes('secret'),
      wrong,
    );
  }
  assert.throws(() => endpoint(url, { key: 'two words' }), /no key has/);
});

test('ending it ends what is under way, and what waits', async (t) => {
  const stop = new AbortController();
  const server = await served(t, () => {
    setTimeout(() => stop.abort(new Error('enough')), 10);
    return server.questions.length === 1 ? 'silent' : { status: 503, headers: { 'Retry-After': '60' }, text: '' };
  });
  const asked = endpoint(server.url, { signal: stop.signal });
  await assert.rejects(Promise.all([asked.ask(ASKED), asked.ask(ASKED)]), /enough/);
});
