// `wishbone export --gguf` from the command line: where files go, what is not overwritten, what is left when it is cancelled.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { exportGguf } from '../../src/core/gguf/index.js';
import { modelOf, readGguf } from '../support/gguf.js';
import { standInHub } from '../support/stand-in-hub.js';
import { assertOneError } from './one-error.js';
import { cli, exampleModel, repository, temporaryFolder, wishbone } from './support.js';

const fixture = (name: string): string => path.join(repository, 'test/fixtures/gguf', name);

test('a model folder: a GGUF file and a Modelfile beside it, never written over unasked', async (t) => {
  const folder = await temporaryFolder(t);
  const model = path.join(folder, 'my model');
  await modelOf(fixture('qwen2'), model, 'BF16');
  const first = await wishbone('export', model, '--gguf', 'q4_k_m');
  assert.equal(first.code, 0, first.stderr);
  const file = path.join(folder, 'my-model-q4_k_m.gguf');
  assert.equal(first.stdout.trim(), file);
  assert.equal(
    await readFile(path.join(folder, 'my-model-q4_k_m.Modelfile'), 'utf8'),
    'FROM ./my-model-q4_k_m.gguf\nTEMPLATE """{{ if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n<|im_start|>user\n{{ else }}<|im_start|>user\n{{ end }}' +
      '{{ range $i, $_ := .Messages }}{{ $last := eq (len (slice $.Messages $i)) 1 }}{{ if eq .Role "user" }}{{ .Content }}' +
      '{{ if $last }}<|im_end|>\n<|im_start|>assistant\n{{ else }}<|im_end|>\n<|im_start|>assistant\n{{ end }}' +
      '{{ else if eq .Role "assistant" }}{{ .Content }}{{ if not $last }}<|im_end|>\n<|im_start|>user\n{{ end }}{{ end }}{{ end }}"""\n' +
      'PARAMETER stop "<|endoftext|>"\nPARAMETER stop "<|im_end|>"\n',
  );
  // In threads and without: the same bytes.
  const here = path.join(folder, 'here.gguf');
  await exportGguf({ model, type: 'q4_k_m', out: here, name: 'my model' });
  assert.ok((await readFile(here)).equals(await readFile(file)));

  const again = await wishbone('export', model, '--gguf', 'q4_k_m');
  assert.equal(again.code, 5);
  assertOneError(again.stderr, [/already a file.*my-model-q4_k_m\.gguf/s]);
  const replaced = await wishbone('export', model, '--gguf', 'q4_k_m', '--overwrite', '--json');
  assert.equal(replaced.code, 0, replaced.stderr);
  assert.deepEqual(JSON.parse(replaced.stdout), { gguf: file, modelfile: path.join(folder, 'my-model-q4_k_m.Modelfile'), notes: [] });
  const named = await wishbone('export', model, '--gguf', 'f16', '--out', path.join(folder, 'other.gguf'));
  assert.equal(named.code, 0, named.stderr);
  assert.deepEqual((await readdir(folder)).sort(), [
    'here.gguf',
    'my model',
    'my-model-q4_k_m.Modelfile',
    'my-model-q4_k_m.gguf',
    'other.Modelfile',
    'other.gguf',
  ]);
});

test('a name that llama.cpp takes for Phi-3 is changed for any other model, and what Ollama does otherwise is said', async (t) => {
  const folder = await temporaryFolder(t);
  const model = path.join(folder, 'my-Phi3-try');
  await modelOf(fixture('qwen3'), model, 'BF16');
  const { code, stdout, stderr } = await wishbone('export', model, '--gguf', 'f16', '--json');
  assert.equal(code, 0, stderr);
  const { gguf, modelfile, notes } = JSON.parse(stdout) as { gguf: string; modelfile: string; notes: string[] };
  assert.equal((await readGguf(gguf)).fields.get('general.name')?.value, 'my-Phi 3-try');
  assert.match(notes[0]!, /YaRN of Qwen3/);
  assert.ok((await readFile(modelfile, 'utf8')).startsWith(`# ${notes[0]}\nFROM ./my-Phi3-try-f16.gguf\n`));
});

test('what cannot be written exactly is refused by name, and leaves nothing', async (t) => {
  const folder = await temporaryFolder(t);
  const change = async (name: string, from: string, file: string, fields: object): Promise<string> => {
    const model = path.join(folder, name);
    await modelOf(fixture(from), model, 'F32');
    const json = JSON.parse(await readFile(path.join(model, file), 'utf8')) as object;
    await writeFile(path.join(model, file), JSON.stringify({ ...json, ...fields }));
    return model;
  };
  const tokenizer = JSON.parse(await readFile(path.join(fixture('qwen3'), 'tokenizer.json'), 'utf8')) as Record<string, object>;
  const pattern = { type: 'Split', pattern: { Regex: '\\w+' }, behavior: 'Isolated', invert: false };
  for (const [model, expected] of [
    [await change('window', 'mistral', 'config.json', { sliding_window: 64 }), /sliding_window".*max_position_embeddings" to 64/s],
    [await change('gelu', 'qwen3', 'config.json', { hidden_act: 'gelu_pytorch_tanh' }), /computes silu.*hidden_act/s],
    [await change('dynamic', 'qwen3', 'config.json', { rope_scaling: { rope_type: 'dynamic', factor: 2 } }), /"dynamic".*rope_scaling/s],
    [await change('layers', 'gemma3', 'config.json', { sliding_window_pattern: 3 }), /each sixth.*sliding_window_pattern/s],
    [await change('scalar', 'gemma2', 'config.json', { query_pre_attn_scalar: 33 }), /query_pre_attn_scalar/s],
    [
      await change('pattern', 'qwen3', 'tokenizer.json', {
        pre_tokenizer: { type: 'Sequence', pretokenizers: [pattern, tokenizer['pre_tokenizer']] },
      }),
      /no pre-tokenizer.*pre_tokenizer/s,
    ],
    [await change('whole', 'qwen3', 'tokenizer.json', { model: { ...tokenizer['model'], ignore_merges: true } }), /ignore_merges/s],
    [await change('lower', 'qwen3', 'tokenizer.json', { normalizer: { type: 'Lowercase' } }), /changes texts first \(Lowercase\)/s],
  ] as const) {
    const ran = await wishbone('export', model, '--gguf', 'q8_0');
    assert.equal(ran.code, 3, `${model}: ${ran.stderr}`);
    assertOneError(ran.stderr, [expected]);
  }
  assert.ok((await readdir(folder)).every((name) => !name.includes('gguf')));
});

test('a run without a model yet, and options that do not go together', async (t) => {
  const folder = await temporaryFolder(t);
  await mkdir(path.join(folder, 'x'));
  const without = await wishbone('export', path.join(folder, 'x'), '--out', 'a.gguf');
  assert.equal(without.code, 2);
  assertOneError(without.stderr, [/none is asked for.*--gguf/s]);
  const nothing = await wishbone('export', path.join(folder, 'x'), '--gguf', 'f16', '--runs', folder);
  assert.notEqual(nothing.code, 0);
  assertOneError(nothing.stderr, [/not a run folder/, /wishbone runs/]);
});

test('a model of the hub goes where the command was given, not into the cache', async (t) => {
  const model = Object.fromEntries(readdirSync(exampleModel).map((name) => [name, readFileSync(path.join(exampleModel, name))]));
  const hub = await standInHub([{ kind: 'model', name: 'wish/tiny-llama', files: model }]);
  t.after(() => hub.close());
  const folder = await temporaryFolder(t);
  // execa is ESM only, and the tests are loaded as CommonJS.
  const { execa } = await import('execa');
  const env = { HF_ENDPOINT: hub.endpoint, HF_HUB_CACHE: path.join(folder, 'hub') };
  const ran = await execa(process.execPath, [cli, 'export', 'wish/tiny-llama', '--gguf', 'q8_0'], { cwd: folder, env, reject: false });
  assert.equal(ran.exitCode, 0, ran.stderr);
  assert.deepEqual((await readdir(folder)).sort(), ['hub', 'tiny-llama-q8_0.Modelfile', 'tiny-llama-q8_0.gguf']);
});

test('interrupted, nothing is left', async (t) => {
  const folder = await temporaryFolder(t);
  const model = path.join(folder, 'slow');
  await modelOf(fixture('qwen2'), model, 'BF16');
  const child = spawn(process.execPath, [cli, 'export', model, '--gguf', 'q4_k_m']);
  const isWriting = async (): Promise<boolean> => (await readdir(folder)).some((name) => name.endsWith('.tmp'));
  for (let waited = 0; !(await isWriting()) && child.exitCode === null && waited < 20_000; waited += 5) await setTimeout(5);
  child.kill('SIGINT');
  const code = await new Promise((resolve) => child.on('close', resolve));
  assert.equal(code, 130);
  assert.deepEqual(await readdir(folder), ['slow']);
});

test('the example model', async (t) => {
  const folder = await temporaryFolder(t);
  const model = path.join(folder, 'tiny');
  await cp(exampleModel, model, { recursive: true });
  const ran = await wishbone('export', model, '--gguf', 'q8_0');
  assert.equal(ran.code, 0, ran.stderr);
});
