// What `wishbone export --gguf` writes is taken in by Ollama itself, which puts prompts together as the chat template does and answers as the
// runner. Needs the program `ollama` (`WISHBONE_OLLAMA`, else in the PATH); is skipped where there is none.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { readSafetensors } from '../../src/core/files/safetensors.js';
import { ChatTemplate } from '../../src/core/tokenizer/chat-template.js';
import { ModelTokenizer } from '../../src/core/tokenizer/index.js';
import { modelOf } from '../support/gguf.js';
import { floats } from './numbers.js';
import { exampleModel, outcome, repository, runnerCommand, wishbone } from './support.js';

const OLLAMA = process.env['WISHBONE_OLLAMA'] ?? 'ollama';
let scratch: string;
let version: string | undefined;
let server: ChildProcess | undefined;
let address: string;

before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'wishbone-ollama-'));
  const asked = await outcome(OLLAMA, ['--version']).catch(() => undefined);
  if (asked?.code !== 0) return;
  address = `127.0.0.1:${await freePort()}`;
  server = spawn(OLLAMA, ['serve'], { env: environment(), stdio: 'ignore' });
  for (let left = 300; version === undefined; left--) {
    assert.ok(left > 0, 'Ollama does not answer');
    await setTimeout(100);
    version = await fetch(`http://${address}/api/version`).then(
      async (reply) => ((await reply.json()) as { version: string }).version,
      () => undefined,
    );
  }
});

after(async () => {
  if (server?.exitCode === null) {
    const ended = new Promise((resolve) => server!.on('exit', resolve));
    server.kill('SIGTERM');
    await ended;
  }
  await rm(scratch, { recursive: true, force: true });
});

const environment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  ...{ HOME: scratch, OLLAMA_HOST: address, OLLAMA_MODELS: path.join(scratch, 'models'), OLLAMA_NOPRUNE: '1', OLLAMA_NUM_PARALLEL: '1' },
});

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

function skipped(t: TestContext): boolean {
  if (version === undefined) t.skip(`there is no ${OLLAMA} (install Ollama, or set WISHBONE_OLLAMA)`);
  else t.diagnostic(`Ollama ${version}`);
  return version === undefined;
}

async function post(route: string, body: object): Promise<Record<string, unknown>> {
  const reply = await fetch(`http://${address}${route}`, { method: 'POST', body: JSON.stringify({ ...body, stream: false }) });
  const text = await reply.text();
  assert.equal(reply.status, 200, text);
  return JSON.parse(text) as Record<string, unknown>;
}

/** Exports a model and hands it to Ollama by its Modelfile. */
async function created(model: string, name: string): Promise<void> {
  const file = path.join(path.dirname(model), `${name}.gguf`);
  const exported = await wishbone('export', model, '--gguf', 'f16', '--out', file);
  assert.equal(exported.code, 0, exported.stderr);
  const env = environment() as Record<string, string>;
  const made = spawn(OLLAMA, ['create', name, '-f', file.replace(/gguf$/, 'Modelfile')], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let err = '';
  made.stderr.on('data', (text: Buffer) => (err += text.toString()));
  assert.equal(await new Promise((resolve) => made.on('close', resolve)), 0, err);
}

const CONVERSATIONS = [
  [{ role: 'user', content: 'What is it?' }],
  [
    { role: 'user', content: 'What is it?' },
    { role: 'assistant', content: 'A "list":\n\n- {{one}}' },
    { role: 'user', content: 'Ünd 你好?' },
  ],
  [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: 'Hello' },
    { role: 'user', content: 'And now?' },
  ],
] as const;

const families = path.join(repository, 'test/unit/tokenizer/templates/families');
/** TRL's own templates, which `npm test` fetches (scripts/trl-templates.mjs). */
const trl = path.join(repository, '.cache/trl/templates');
const TEMPLATES = [
  ...['gemma2', 'llama2', 'mistral-v1', 'olmo2', 'qwen2', 'vicuna'].map((name) => path.join(families, name)),
  ...['llama3', 'llama3_1', 'qwen2_5', 'qwen3', 'qwen3_instruct_2507', 'gemma', 'gemma3', 'phi3', 'phi3_5'].map((name) =>
    path.join(trl, name),
  ),
];

for (const file of TEMPLATES) {
  const name = path.basename(file).replaceAll('_', '-');
  test(`${path.basename(file)}: Ollama puts a conversation together as Jinja does`, async (t) => {
    if (skipped(t)) return;
    const text = await readFile(`${file}.jinja`, 'utf8').catch(() => undefined);
    if (text === undefined) return t.skip(`${file}.jinja is not there (node scripts/trl-templates.mjs)`);
    const model = path.join(scratch, `${name}-model`);
    await cp(exampleModel, model, { recursive: true });
    await writeFile(path.join(model, 'chat_template.jinja'), text);
    await created(model, name);
    const { bos_token: bos = '', eos_token: eos = '' } = JSON.parse(
      await readFile(path.join(model, 'tokenizer_config.json'), 'utf8'),
    ) as Record<string, string>;
    const template = ChatTemplate.of(text, file);
    let compared = 0;
    for (const messages of CONVERSATIONS) {
      let wanted: string;
      try {
        wanted = template.render({ messages, addGenerationPrompt: true, specialTokens: { bos_token: bos, eos_token: eos } });
      } catch {
        // It takes no system message.
        continue;
      }
      const { _debug_info: info } = (await post('/api/chat', { model: name, messages, _debug_render_only: true })) as {
        _debug_info: { rendered_template: string };
      };
      // The token before a text is put there by Ollama where the tokenizer does.
      const without = (text: string): string => (text.startsWith(bos) ? text.slice(bos.length) : text);
      assert.equal(without(info.rendered_template), without(wanted));
      compared++;
    }
    assert.ok(compared >= 2);
  });
}

test('the example model answers in a chat as the runner does', async (t) => {
  if (skipped(t)) return;
  const model = path.join(scratch, 'example', 'tiny-llama');
  await mkdir(path.dirname(model));
  await cp(exampleModel, model, { recursive: true });
  await created(model, 'example');
  const options = { temperature: 0, num_predict: 24, seed: 0, repeat_penalty: 1, num_thread: 1 };
  for (const prompt of ['What is 3 plus 4?', 'Name a colour.', 'Hello']) {
    const sampled = await wishbone('sample', model, '--prompt', prompt, '--max-new-tokens', '24', '--json', '--backend', 'cpu');
    assert.equal(sampled.code, 0, sampled.stderr);
    const ours = completionOf(sampled.stdout);
    const { message } = (await post('/api/chat', { model: 'example', messages: [{ role: 'user', content: prompt }], options })) as {
      message: { content: string };
    };
    assert.equal(message.content.trim(), ours.trim(), prompt);
    assert.notEqual(ours.trim(), '');
  }
});

/** Log-probabilities of the likeliest tokens after a text, by the runner. */
async function likeliest(model: string, text: string, count: number): Promise<number[]> {
  const out = path.join(scratch, 'logits.safetensors');
  const ids = (await ModelTokenizer.load(model)).encode(text, true);
  const ran = await runnerCommand('logits', model, '--tokens', ids.join(','), '--out', out);
  assert.equal(ran.code, 0, ran.stderr);
  const logits = floats(await readSafetensors(out), 'logits');
  const last = logits.slice(logits.length - logits.length / ids.length);
  const most = Math.max(...last);
  const sum = Math.log(last.reduce((all, value) => all + Math.exp(value - most), 0));
  return [...last]
    .map((value) => value - most - sum)
    .sort((a, b) => b - a)
    .slice(0, count);
}

/** Ollama computes YaRN of this family without the factor that goes with it (docs/gguf.md). */
async function withoutScaling(model: string): Promise<void> {
  const file = path.join(model, 'config.json');
  const { rope_scaling: _, ...config } = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
  await writeFile(file, JSON.stringify(config));
}

const PROMPTS = [
  'In the beginning there was a word',
  'The quick brown fox',
  'Hello, world!',
  'def f(x):',
  'naïve café',
  'One',
  '12 345',
  'x',
  'and the',
  'So',
];

for (const name of ['llama-spm', 'llama3', 'mistral', 'qwen2', 'qwen3', 'phi3', 'gemma2', 'gemma3', 'smollm3', 'olmo2']) {
  test(`${name}: a model of the family is taken in, and computes what the runner computes`, async (t) => {
    if (skipped(t)) return;
    // llama.cpp knows Phi-3 by its name, and by that alone.
    const model = path.join(scratch, 'families', name);
    await mkdir(path.dirname(model), { recursive: true });
    await modelOf(path.join(repository, 'test/fixtures/gguf', name), model, 'F16');
    if (name === 'qwen3') await withoutScaling(model);
    await created(model, `family-${name}`);
    let compared = 0;
    for (const prompt of PROMPTS) {
      const asked = { model: `family-${name}`, prompt, raw: true, logprobs: true, top_logprobs: 20 };
      const { logprobs } = (await post('/api/generate', {
        ...asked,
        options: { temperature: 0, num_predict: 1, num_thread: 1, num_ctx: 256, stop: [] },
      })) as {
        logprobs?: { top_logprobs: { logprob: number }[] }[];
      };
      // Of a token that is a part of a character it says nothing.
      if (logprobs === undefined) continue;
      const wanted = await likeliest(model, prompt, 20);
      const found = logprobs[0]!.top_logprobs.map(({ logprob }) => logprob);
      assert.equal(found.length, wanted.length);
      const off = Math.max(...found.map((value, index) => Math.abs(value - wanted[index]!)));
      t.diagnostic(`at most ${off.toFixed(5)} off`);
      assert.ok(off < 0.02, `${off}: ${found.slice(0, 4).join()} where the runner has ${wanted.slice(0, 4).join()}`);
      if (++compared === 3) break;
    }
    assert.ok(compared > 0, 'no token was a character');
  });
}

function completionOf(json: string): string {
  const { samples } = JSON.parse(json) as { samples: { policy: string }[] };
  return samples[0]!.policy;
}
