// Models that stay loaded and answer one prompt after the other, and what a chat asks them with.

import assert from 'node:assert/strict';
import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { WishboneError } from '../../src/core/errors.js';
import { ModelProcess } from '../../src/core/sample/chat/model-process.js';
import { ChatTexts, chosenModel, canShare, modelChoices, Speaker } from '../../src/core/sample/chat/index.js';
import type { ChosenModel, Said } from '../../src/core/sample/chat/index.js';
import { useRunner } from '../../src/core/runner/index.js';
import { DEFAULT_RUNNER } from '../../src/core/options/index.js';
import { chatRunners } from '../support/chat-runners.js';
import { briefData, exampleData, exampleModel, repository, runner, runnerCommand, temporaryFolder, wishbone } from './support.js';

const texts = new ChatTexts(join(repository, 'dist/workers/chat.js'));
const sampling = { max_new_tokens: 16, temperature: 0, top_p: 1, seed: 0 };
const hello: Said = { kind: 'messages', messages: [{ role: 'user', content: 'Name a colour.' }] };
const CHOSEN: ChosenModel = {
  model: { folder: exampleModel },
  reader: { folder: exampleModel, template: 'model' },
  runner: { ...DEFAULT_RUNNER, backend: 'cpu' },
};

/** How many runners this process has that wait for prompts. */
const chatsUnderWay = async (): Promise<number> => (await chatRunners()).filter(({ parent }) => parent === process.pid).length;

// A process that serves a panel keeps no other one alive.
let alive: NodeJS.Timeout;

before(() => {
  useRunner(runner);
  alive = setInterval(() => undefined, 1000);
});
after(() => {
  clearInterval(alive);
  texts.close();
});

test('a model answers again and again as `sample` has it, and says its text while it writes', async (t) => {
  const speaker = new Speaker(CHOSEN, texts, 1);
  t.after(() => speaker.rest());
  const states: string[] = [];
  const seen: string[] = [];
  const listener = { onState: (state: string) => states.push(state), onText: (text: string) => seen.push(text) };
  const { signal } = new AbortController();
  const first = await speaker.answer(hello, sampling, listener, signal);
  const { tokens } = await texts.ask('prompt', { reader: CHOSEN.reader, said: hello }, []);
  const request = join(await temporaryFolder(t), 'request.json');
  await writeFile(request, JSON.stringify({ prompts: [tokens], max_new_tokens: 16, end_tokens: [1] }));
  const { stdout } = await runnerCommand('sample', exampleModel, request);
  assert.deepEqual(first.tokens, (JSON.parse(stdout) as { tokens: number[] }).tokens);
  assert.ok(
    seen.every((text) => first.text.startsWith(text)),
    'what is seen on the way is how the answer begins',
  );
  assert.deepEqual(await speaker.answer(hello, sampling, listener, signal).then(({ text }) => text), first.text);
  assert.deepEqual(states, ['loading', 'writing', 'loading', 'writing']);
  await assert.rejects(speaker.answer(hello, { ...sampling, max_new_tokens: 100_000 }, listener, signal), /max_position_embeddings/);
  assert.equal((await speaker.answer(hello, sampling, listener, signal)).text, first.text);
});

test('a model that is stopped keeps what it wrote and answers on; one that is let go ends', async (t) => {
  const model = await ModelProcess.start({ folder: exampleModel }, { ...DEFAULT_RUNNER, backend: 'cpu', threads: 1 }, runner);
  t.after(() => model.end());
  const stop = new AbortController();
  const request = { ...sampling, prompt: [1, 2, 3], end_tokens: [], max_new_tokens: 4000 };
  let begun = 0;
  const stopped = await model.complete(request, { onBegin: () => begun++, onToken: (token) => token >= 0 && stop.abort() }, stop.signal);
  assert.equal(begun, 1);
  assert.equal(stopped.stopped, true);
  assert.ok(stopped.tokens.length > 0 && stopped.tokens.length < 4000);
  const quiet = { onBegin: () => undefined, onToken: () => undefined };
  const { signal } = new AbortController();
  const next = await model.complete({ ...request, max_new_tokens: 4 }, quiet, signal);
  assert.deepEqual(next.tokens, stopped.tokens.slice(0, 4).concat(next.tokens.slice(stopped.tokens.length)));
  const writing = model.complete(request, quiet, signal);
  await assert.rejects(model.complete(request, quiet, signal), /writing already/);
  model.end();
  await assert.rejects(writing);
  assert.equal(model.isThere, false);
});

test('a run of an adapter and its reference answer at the same time from one process, each as it does alone', async (t) => {
  const folder = await temporaryFolder(t);
  const train = ['train', briefData(), '--model', exampleModel, '--preset', 'quick', '--max-steps', '6', '--learning-rate', '1e-2'];
  const trained = await wishbone(...train, '--use-peft', '--lora-r', '4', '--json', '--runs', folder);
  assert.equal(trained.code, 0, trained.stderr);
  const run = (JSON.parse(trained.stdout) as { folder: string }).folder;
  const [policy, reference] = [await chosenModel({ kind: 'trained', run }), await chosenModel({ kind: 'reference', run })];
  assert.deepEqual([canShare(reference, policy), canShare(policy, reference), canShare(reference, reference)], [true, false, false]);
  assert.ok(!canShare({ ...reference, runner: { ...reference.runner, device: 1 } }, policy));
  const above = new Speaker(policy, texts, 1);
  const below = new Speaker(reference, texts, 1, above);
  const alone = [new Speaker(policy, texts, 1), new Speaker(reference, texts, 1)];
  t.after(() => [above, ...alone].forEach((speaker) => speaker.rest()));
  const quiet = { onState: () => undefined, onText: () => undefined };
  const { signal } = new AbortController();
  const started = await chatsUnderWay();
  const together = await Promise.all([above, below].map((speaker) => speaker.answer(hello, sampling, quiet, signal)));
  assert.equal((await chatsUnderWay()) - started, 1);
  const apart = await Promise.all(alone.map((speaker) => speaker.answer(hello, sampling, quiet, signal)));
  assert.equal((await chatsUnderWay()) - started, 3);
  assert.deepEqual(
    together.map(({ tokens }) => tokens),
    apart.map(({ tokens }) => tokens),
  );
  assert.notDeepEqual(together[0]!.tokens, together[1]!.tokens);

  // One of them is stopped, and the other one writes on.
  const stop = new AbortController();
  const long = { ...sampling, max_new_tokens: 600 };
  const stopping = { ...quiet, onText: () => stop.abort() };
  const [stopped, whole] = await Promise.all([
    below.answer({ kind: 'text', text: 'a' }, long, stopping, stop.signal),
    above.answer(hello, sampling, quiet, signal),
  ]);
  assert.ok(stopped!.stopped || stopped!.ended);
  assert.deepEqual(whole!.tokens, apart[0]!.tokens);
  below.rest();
  assert.deepEqual((await above.answer(hello, sampling, quiet, signal)).tokens, apart[0]!.tokens);
});

test('a model that cannot be loaded says why, in words of the runner', async (t) => {
  const model = await ModelProcess.start({ folder: await temporaryFolder(t) }, DEFAULT_RUNNER, runner);
  const quiet = { onBegin: () => undefined, onToken: () => undefined };
  await assert.rejects(
    model.complete({ ...sampling, prompt: [1], end_tokens: [] }, quiet, new AbortController().signal),
    (error: WishboneError) => {
      assert.match(error.where, /config\.json/);
      return true;
    },
  );
});

test('the models of a run, its checkpoints, and the prompts of its evaluation set', async (t) => {
  const folder = await temporaryFolder(t);
  const data = join(folder, 'few.jsonl');
  const text = await readFile(exampleData, 'utf8');
  const conversation = {
    prompt: [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Hello.' },
      { role: 'user', content: 'And now?' },
    ],
    chosen: [{ role: 'assistant', content: 'Now this.' }],
    rejected: [{ role: 'assistant', content: 'Nothing.' }],
  };
  const evaluation = join(folder, 'held-out.jsonl');
  const rows = text.split('\n').slice(16, 20);
  await writeFile(data, text.split('\n').slice(0, 16).join('\n'));
  await writeFile(evaluation, [...rows, rows[0], JSON.stringify(conversation)].join('\n'));
  const train = ['train', data, '--model', exampleModel, '--preset', 'quick', '--batch-size', '4', '--json', '--runs', folder];
  const options = ['--max-steps', '4', '--save-steps', '2', '--save-total-limit', '0', '--eval-dataset', evaluation, '--eval-steps', '4'];
  for (const more of [[], ['--use-peft', '--lora-r', '4']]) {
    const trained = await wishbone(...train, ...options, ...more);
    assert.equal(trained.code, 0, trained.stderr);
    const run = (JSON.parse(trained.stdout) as { folder: string }).folder;
    const choices = (await modelChoices(run)).map(({ choice }) => choice);
    assert.deepEqual(choices[0], { kind: 'trained', run });
    assert.deepEqual(choices.at(-1), { kind: 'reference', run });
    assert.ok(choices.some((choice) => choice.kind === 'checkpoint' && choice.step === 2));
    const checkpoint = await chosenModel({ kind: 'checkpoint', run, step: 2 });
    const exported = join(run, 'exports/step-000002');
    await access(exported);
    assert.deepEqual(checkpoint.model, more.length === 0 ? { folder: exported } : { folder: exampleModel, adapter: exported });
    const speaker = new Speaker(checkpoint, texts, 1);
    t.after(() => speaker.rest());
    const quiet = { onState: () => undefined, onText: () => undefined };
    assert.notEqual((await speaker.answer(hello, sampling, quiet, new AbortController().signal)).tokens.length, 0);

    const count = await texts.ask('evaluation', run, []);
    const prompts = await Promise.all(Array.from({ length: count }, (_, index) => texts.ask('evaluationPrompt', { run, index }, [])));
    const last = prompts.at(-1)!;
    assert.deepEqual(
      [last.file, last.row, last.before, last.prompt, last.chosen, last.rejected],
      [evaluation, 6, [{ user: 'Hi', assistant: 'Hello.' }], 'And now?', 'Now this.', 'Nothing.'],
    );
    const row = JSON.parse(rows[0]!) as { prompt: { role: string; content: string }[]; chosen: { content: string }[] };
    assert.equal(prompts[0]!.prompt, row.prompt.at(-1)!.content);
    assert.equal(prompts[0]!.system, row.prompt.find(({ role }) => role === 'system')?.content ?? '');
    assert.equal(prompts[0]!.chosen, row.chosen[0]!.content);
    assert.equal(new Set(prompts.map(({ before: said, system, prompt }) => JSON.stringify([said, system, prompt]))).size, count);
    assert.deepEqual(
      (await texts.ask('evaluationList', run, [])).map(({ start }) => start),
      prompts.map(({ prompt }) => prompt.slice(0, 200)),
    );
    const ends = (await texts.ask('evaluationList', run, [])).map(({ end }) => end);
    assert.equal(ends.at(-1), 'And now?');
    assert.ok(prompts.every(({ prompt }, at) => ends[at] !== '' && prompt.trimEnd().endsWith(ends[at]!)));
  }
  const without = await wishbone(...train, '--max-steps', '1');
  const run = (JSON.parse(without.stdout) as { folder: string }).folder;
  await assert.rejects(texts.ask('evaluation', run, []), /no evaluation set/);
});

test('tokens with their ids and marks; a template that refuses, a model without one', async (t) => {
  const { reader } = CHOSEN;
  const said: Said = { kind: 'messages', messages: [{ role: 'system', content: 'Be brief.' }, ...hello.messages] };
  const shown = await texts.ask('tokens', { reader, said, answer: [17, 1] }, []);
  assert.equal(shown.text, '<|begin|><|system|>\nBe brief.<|end|><|user|>\nName a colour.<|end|><|assistant|>\n');
  assert.deepEqual(shown.prompt.slice(0, 2), [
    { id: 0, text: '<|begin|>', special: true },
    { id: 3, text: '<|system|>', special: true },
  ]);
  assert.equal(shown.prompt.length, shown.promptTokens);
  assert.deepEqual(
    shown.answer.map(({ id, special }) => [id, special]),
    [
      [17, false],
      [1, true],
    ],
  );
  const folder = await temporaryFolder(t);
  for (const name of ['tokenizer.json', 'config.json']) await writeFile(join(folder, name), await readFile(join(exampleModel, name)));
  const config = JSON.parse(await readFile(join(exampleModel, 'tokenizer_config.json'), 'utf8')) as Record<string, unknown>;
  const { chat_template: template, ...rest } = config;
  const refusing = {
    ...rest,
    chat_template: `{% if messages[0].role == 'system' %}{{ raise_exception('No system role') }}{% endif %}${String(template)}`,
  };
  await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify(refusing));
  const strict = { folder, template: 'model' } as const;
  await assert.rejects(texts.ask('prompt', { reader: strict, said }, []), /refuses the messages: No system role/);
  const bare = await temporaryFolder(t);
  for (const name of ['tokenizer.json', 'config.json']) await writeFile(join(bare, name), await readFile(join(exampleModel, name)));
  await writeFile(join(bare, 'tokenizer_config.json'), JSON.stringify(rest));
  await assert.rejects(texts.ask('prompt', { reader: { folder: bare, template: 'model' }, said }, []), /has no chat template/);
  const text = await texts.ask('prompt', { reader: { folder: bare, template: 'model' }, said: { kind: 'text', text: 'Once' } }, []);
  assert.ok(text.tokens.length > 0);
});
