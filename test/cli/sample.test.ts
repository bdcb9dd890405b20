// Completions, through the files of test/fixtures/hf (see the README there) and the example model.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { exampleModel, type Outcome, repository, runnerCommand, temporaryFolder } from './support.js';

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
  ];
  for (const [request, says] of cases) {
    const { code, stdout, stderr } = await sample(t, exampleModel, request);
    assert.equal(code, 3, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, says);
    assert.equal(stderr.match(/^error: /gm)?.length, 1);
  }
});
