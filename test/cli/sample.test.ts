// Completions, through the files of test/fixtures/hf (see the README there) and the example model.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { briefData, exampleModel, type Outcome, repository, runnerCommand, temporaryFolder, wishbone } from './support.js';

interface Case {
  readonly model: string;
  readonly prompt: readonly number[];
  readonly tokens: readonly number[];
}

async function sample(t: TestContext, model: string, request: object): Promise<Outcome> {
  const file = join(await temporaryFolder(t), 'request.json');
  await writeFile(file, JSON.stringify(request));
  return runnerCommand('sample', model, file);
}

function tokensOf({ code, stdout, stderr }: Outcome): number[][] {
  assert.equal(code, 0, stderr);
  return stdout.split('\n').map((line) => (JSON.parse(line) as { tokens: number[] }).tokens);
}

test("greedy completions are those of transformers' generate", async (t) => {
  const fixtures = join(repository, 'test/fixtures/hf');
  const { cases } = JSON.parse(await readFile(join(fixtures, 'greedy.json'), 'utf8')) as { cases: readonly Case[] };
  assert.ok(cases.length >= 8);
  for (const { model, prompt, tokens } of cases) {
    const request = { prompts: [prompt, prompt.slice(0, 3)], max_new_tokens: tokens.length };
    const [first, other] = tokensOf(await sample(t, join(fixtures, model), request));
    assert.deepEqual(first, tokens, model);
    assert.equal(other?.length, tokens.length);
    // The first end token ends it.
    const end = tokens[Math.floor(tokens.length / 2)]!;
    const [ended] = tokensOf(await sample(t, join(fixtures, model), { ...request, end_tokens: [end] }));
    assert.deepEqual(ended, tokens.slice(0, tokens.indexOf(end) + 1), model);
  }
});

test('a seed draws the same completion again', async (t) => {
  const request = { prompts: [[1, 2, 3]], max_new_tokens: 20, temperature: 1.5, top_p: 0.9, seed: 5 };
  const drawn = tokensOf(await sample(t, exampleModel, request));
  assert.deepEqual(tokensOf(await sample(t, exampleModel, request)), drawn);
  assert.notDeepEqual(tokensOf(await sample(t, exampleModel, { ...request, seed: 6 })), drawn);
});

test('a request that cannot be: one clear message', async (t) => {
  const cases: readonly (readonly [object, RegExp])[] = [
    [{ prompts: [] }, /no prompt/],
    [{ prompts: [[]] }, /prompt is empty/],
    [{ prompts: [[1], [1, -2]] }, /prompts\[1\]/],
    [{ prompts: [[1.5]] }, /token ids/],
    [{ prompts: [[1]], max_new_tokens: 1000000 }, /max_position_embeddings/],
    [{ prompts: [[1]], temperatur: 1 }, /temperatur/],
    [{ prompts: [[1]], top_p: 0 }, /top_p/],
    [{ prompts: [[1]], also_below: true }, /no adapter.*also_below/s],
  ];
  for (const [request, says] of cases) {
    const { code, stdout, stderr } = await sample(t, exampleModel, request);
    assert.equal(code, 3, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, says);
    assert.equal(stderr.match(/^error: /gm)?.length, 1);
  }
});

interface Samples {
  readonly samples: readonly { readonly prompt: string; readonly policy: string; readonly reference?: string }[];
}

async function wishboneSamples(...args: string[]): Promise<Samples['samples']> {
  const result = await wishbone('sample', ...args, '--json', '--max-new-tokens', '16');
  assert.equal(result.code, 0, result.stderr);
  return (JSON.parse(result.stdout) as Samples).samples;
}

test('a run: what it trained beside its reference, whole model and adapter', async (t) => {
  const folder = await temporaryFolder(t);
  const data = join(folder, 'few.jsonl');
  await writeFile(data, (await readFile(briefData(), 'utf8')).split('\n').slice(0, 16).join('\n'));
  const train = ['train', data, '--model', exampleModel, '--preset', 'quick', '--batch-size', '4', '--learning-rate', '1e-2', '--json'];
  const alone = await wishboneSamples(exampleModel, '--dataset', data, '--count', '3');
  assert.equal(alone.length, 3);
  assert.ok(alone.every(({ reference }) => reference === undefined));
  for (const options of [[], ['--use-peft', '--lora-r', '4'], ['--use-peft', '--lora-r', '4', '--merge-adapter']]) {
    const trained = await wishbone(...train, ...options, '--runs', join(folder, options.length.toString()));
    assert.equal(trained.code, 0, trained.stderr);
    const run = (JSON.parse(trained.stdout) as { folder: string }).folder;
    const samples = await wishboneSamples(run, '--dataset', data, '--count', '3');
    assert.deepEqual(
      samples.map(({ prompt, reference }) => [prompt, reference]),
      alone.map(({ prompt, policy }) => [prompt, policy]),
    );
    assert.ok(
      samples.some(({ policy, reference }) => policy !== reference),
      'training changed something',
    );
    // With an adapter both come from one process, else from one each.
    const without = await wishboneSamples(run, '--dataset', data, '--count', '3', '--no-reference');
    assert.deepEqual(
      without.map(({ policy }) => policy),
      samples.map(({ policy }) => policy),
    );
    const [typed] = await wishboneSamples(run, '--prompt', 'Name a colour.', '--no-reference', '--temperature', '1', '--seed', '3');
    assert.equal(typed?.prompt, 'Name a colour.');
    assert.equal(typed?.reference, undefined);
    if (options.includes('--use-peft')) continue;
    const [same] = await wishboneSamples(join(run, 'export'), '--prompt', 'Name a colour.', '--temperature', '1', '--seed', '3');
    assert.deepEqual(same, typed);
  }
});

test('a system prompt, a conversation from a file, a checkpoint, and another run beside it', async (t) => {
  const folder = await temporaryFolder(t);
  const data = join(folder, 'few.jsonl');
  await writeFile(data, (await readFile(briefData(), 'utf8')).split('\n').slice(0, 16).join('\n'));
  const options = ['--preset', 'quick', '--batch-size', '4', '--save-steps', '2', '--save-total-limit', '0', '--max-steps', '4'];
  const trained = await wishbone('train', data, '--model', exampleModel, ...options, '--runs', folder, '--json');
  assert.equal(trained.code, 0, trained.stderr);
  const run = (JSON.parse(trained.stdout) as { folder: string }).folder;
  const conversation = join(folder, 'conversation.json');
  const said = [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'Name a colour.' },
  ];
  await writeFile(conversation, JSON.stringify(said));
  const asked = ['--prompt', 'Name a colour.', '--system', 'Be brief.', '--messages', conversation];
  const [typed, read] = await wishboneSamples(run, ...asked);
  assert.deepEqual(read, typed);
  const [bare] = await wishboneSamples(run, '--prompt', 'Name a colour.');
  // By its name too, which is not where the command stands.
  const [named] = await wishboneSamples('latest', '--prompt', 'Name a colour.', '--against', basename(run), '--runs', folder);
  assert.deepEqual(named, { prompt: bare!.prompt, policy: bare!.policy, against: bare!.policy });
  const unknown = await wishbone('sample', 'lastest', '--prompt', 'hi', '--runs', folder);
  assert.equal(unknown.code, 2);
  assert.match(unknown.stderr, /no run is called "lastest"/);
  assert.notDeepEqual(bare, typed);
  const [early] = await wishboneSamples(run, ...asked, '--step', '2', '--against', run);
  const [exported] = await wishboneSamples(join(run, 'exports/step-000002'), ...asked);
  assert.deepEqual(early, { prompt: 'Name a colour.', policy: exported?.policy, against: typed?.policy });
});

test('wishbone sample without a prompt, without a model, of a broken dataset: one clear message', async (t) => {
  const folder = await temporaryFolder(t);
  const refused = async (code: number, says: RegExp, ...args: string[]): Promise<void> => {
    const result = await wishbone('sample', ...args);
    assert.equal(result.code, code, result.stderr);
    assert.match(result.stderr, says);
    assert.equal(result.stderr.match(/^error: /gm)?.length, 1);
  };
  await refused(2, /no prompt was given/, exampleModel);
  await refused(3, /no such model folder[^]*gone\/model/, 'gone/model/here/..', '--prompt', 'x');
  await refused(2, /system prompt/, exampleModel, '--system', 'x', '--messages', 'y');
  await refused(2, /no checkpoints/, exampleModel, '--step', '3', '--prompt', 'x');
  const messages = join(folder, 'messages.json');
  for (const [text, says] of [
    ['{', /not JSON/],
    ['{}', /not a list/],
    ['[]', /not a list/],
    ['[{"role": "tool", "content": "x"}]', /message 1/],
    ['[{"role": "user", "content": 3}]', /message 1/],
    ['[{"role": "user", "content": "x"}, null]', /message 2/],
    ['[{"role": "assistant", "content": "x"}]', /nothing to answer/],
  ] as const) {
    await writeFile(messages, text);
    await refused(3, says, exampleModel, '--messages', messages);
  }
  await refused(3, /cannot read the messages|no such file/i, exampleModel, '--messages', join(folder, 'none.json'));
  await refused(2, /from 0 to 1000/, exampleModel, '--temperature', 'hot');
  // Nobody has seen the request that the runner reads.
  await refused(3, /found 2000000\n +at: max_new_tokens\n/, exampleModel, '--prompt', 'x', '--max-new-tokens', '2000000');
  const long = ['--prompt', 'x', '--prompt', 'and so on '.repeat(2000)];
  await refused(3, /A prompt of \d+ tokens.*\n +at: prompt 2\n/, exampleModel, ...long);
  await refused(3, /config\.json/, folder, '--prompt', 'x');
  await refused(3, /no such file/, exampleModel, '--dataset', join(folder, 'none.jsonl'));
});
