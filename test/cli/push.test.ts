// `wishbone push` against a hub on loopback: from a run to a repository, and back.

import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { type StandInHub, standInHub, TOKEN } from '../support/stand-in-hub.js';
import { assertOneError } from './one-error.js';
import { cli, briefData, exampleModel, type Outcome, temporaryFolder } from './support.js';

interface Setting {
  readonly hub: StandInHub;
  readonly folder: string;
  run(...args: string[]): Promise<Outcome>;
}

async function begin(t: TestContext, token = TOKEN): Promise<Setting> {
  const hub = await standInHub([]);
  t.after(() => hub.close());
  const folder = await temporaryFolder(t);
  // execa is ESM only, and the tests are loaded as CommonJS.
  const { execa } = await import('execa');
  const run = async (...args: string[]): Promise<Outcome> => {
    const env = {
      HF_ENDPOINT: hub.endpoint,
      HF_HOME: path.join(folder, 'hf'),
      XDG_CACHE_HOME: path.join(folder, 'cache'),
      HF_TOKEN: token,
    };
    const ended = await execa(process.execPath, [cli, ...args], { reject: false, stdin: 'ignore', cwd: folder, env });
    return { code: ended.exitCode ?? -1, stdout: ended.stdout, stderr: ended.stderr };
  };
  return { hub, folder, run };
}

const training = ['--max-steps', '2', '--batch-size', '4', '--backend', 'cpu', '--json', '--name', 'My first run!'];

test('a run’s model: uploaded with its card, and trained on by its id', async (t) => {
  const { hub, folder, run } = await begin(t);
  const trained = await run('train', briefData(), '--model', exampleModel, ...training, '--eval-dataset', briefData(), '--eval-steps', '2');
  assert.equal(trained.code, 0, trained.stderr);
  const pushed = await run('push', 'latest');
  assert.equal(pushed.code, 0, pushed.stderr);
  assert.equal(pushed.stdout.trim(), `${hub.endpoint}/wish/My-first-run`);
  assert.match(pushed.stderr, /\d+ files, [\d.]+ MiB, commit [0-9a-f]{40}/);
  const { files, isPrivate } = hub.model('wish/My-first-run')!;
  assert.equal(isPrivate, true);
  const card = files.get('README.md')!.bytes.toString();
  assert.match(card, /^---\nbase_model: "tiny-llama"\n/);
  for (const [name, { bytes }] of files) assert.ok(!bytes.includes(folder) && !bytes.includes(path.dirname(briefData())), name);

  const again = await run('push', 'latest');
  assert.equal(again.code, 5);
  assertOneError(again.stderr, [/there is a repository wish\/My-first-run already/, /--overwrite/]);
  const replaced = await run('push', 'latest', 'wish/My-first-run', '--overwrite', '--json');
  assert.equal(replaced.code, 0, replaced.stderr);
  assert.equal((JSON.parse(replaced.stdout) as { name: string }).name, 'wish/My-first-run');

  const next = await run('train', briefData(), '--model', 'wish/My-first-run', ...training);
  assert.equal(next.code, 0, next.stderr);
});

test('an adapter, whose card and config name its model as others know it', async (t) => {
  const { hub, run } = await begin(t);
  const trained = await run('train', briefData(), '--model', exampleModel, ...training, '--use-peft');
  assert.equal(trained.code, 0, trained.stderr);
  const pushed = await run('push', 'latest', 'wish/adapter', '--public');
  assert.equal(pushed.code, 0, pushed.stderr);
  const { files, isPrivate } = hub.model('wish/adapter')!;
  assert.equal(isPrivate, false);
  const config = JSON.parse(files.get('adapter_config.json')!.bytes.toString()) as Record<string, unknown>;
  assert.equal(config['base_model_name_or_path'], 'tiny-llama');
  assert.ok(files.get('adapter_model.safetensors')!.isLarge);
});

test('without a token, and without a model', async (t) => {
  const { run, folder } = await begin(t, '');
  const none = await run('push', exampleModel, 'wish/x');
  assert.equal(none.code, 3);
  assertOneError(none.stderr, [/needs a token/, /settings\/tokens/]);
  const nothing = await run('push', path.join(folder, 'nothing'), 'wish/x');
  assert.notEqual(nothing.code, 0);
  assertOneError(nothing.stderr, [/not a run folder/]);
  assert.ok((await readFile(path.join(exampleModel, 'config.json'))).length > 0);
});

test('GGUF files: with their Modelfile and a card that says what they were made from', async (t) => {
  const { hub, folder, run } = await begin(t);
  const trained = await run('train', briefData(), '--model', exampleModel, ...training);
  assert.equal(trained.code, 0, trained.stderr);
  const early = await run('push', 'latest', '--gguf');
  assertOneError(early.stderr, [/there is no GGUF file of the run/, /wishbone export <run> --gguf q4_k_m/]);
  for (const type of ['q8_0', 'f16']) assert.equal((await run('export', 'latest', '--gguf', type)).code, 0);

  const pushed = await run('push', 'latest', '--gguf');
  assert.equal(pushed.code, 0, pushed.stderr);
  assert.equal(pushed.stdout.trim(), `${hub.endpoint}/wish/My-first-run-GGUF`);
  const { files, isPrivate } = hub.model('wish/My-first-run-GGUF')!;
  assert.equal(isPrivate, true);
  const names = ['f16', 'q8_0'].flatMap((type) => [`My-first-run-${type}.Modelfile`, `My-first-run-${type}.gguf`]);
  assert.deepEqual([...files.keys()].sort(), ['.gitattributes', ...names, 'README.md']);
  for (const [name, { bytes, isLarge }] of files) {
    // The hub's own.
    if (name === '.gitattributes') continue;
    assert.ok(!bytes.includes(folder) && !bytes.includes(path.dirname(briefData())), name);
    assert.equal(isLarge, name.endsWith('.gguf'), name);
  }
  assert.equal(files.get('My-first-run-q8_0.gguf')!.bytes.toString('latin1', 0, 4), 'GGUF');
  const card = files.get('README.md')!.bytes.toString();
  // The model itself is not on the hub: what is known is what it was trained from.
  const head =
    '---\nbase_model: "tiny-llama"\nbase_model_relation: finetune\nlibrary_name: gguf\npipeline_tag: text-generation\ntags:\n- gguf\n- llama-cpp\n';
  assert.ok(card.startsWith(head), card);
  assert.match(card, /\| \[My-first-run-q8_0\.gguf\]\(\.\/My-first-run-q8_0\.gguf\) \| Q8_0 \| \d+\.\d MB \|/);
  assert.match(card, /\n## Data\n[\s\S]*\n## Settings\n[\s\S]*\n## Use\n[\s\S]*ollama run hf\.co\/wish\/My-first-run-GGUF:F16\n/);
  assert.doesNotMatch(card, /## Figures/);

  assert.equal((await run('push', 'latest')).code, 0);
  const again = await run('push', 'latest', '--gguf', '--overwrite');
  assert.equal(again.code, 0, again.stderr);
  const of = hub.model('wish/My-first-run-GGUF')!.files.get('README.md')!.bytes.toString();
  assert.match(of, /^---\nbase_model: "wish\/My-first-run"\nbase_model_relation: quantized\n/);

  const [own] = (await readdir(path.join(folder, '.wishbone/runs'))).filter((name) => !name.startsWith('.'));
  const file = path.join(folder, '.wishbone/runs', own!, 'gguf/My-first-run-f16.gguf');
  const one = await run('push', file, 'wish/one', '--base-model', 'org/other', '--public');
  assert.equal(one.code, 0, one.stderr);
  const single = hub.model('wish/one')!;
  assert.deepEqual([...single.files.keys()].sort(), ['.gitattributes', 'My-first-run-f16.Modelfile', 'My-first-run-f16.gguf', 'README.md']);
  assert.match(single.files.get('README.md')!.bytes.toString(), /^---\nbase_model: "org\/other"\nbase_model_relation: quantized\n/);
});

test('GGUF files of an adapter, and what is none', async (t) => {
  const { hub, folder, run } = await begin(t);
  const trained = await run('train', briefData(), '--model', exampleModel, ...training, '--use-peft');
  assert.equal(trained.code, 0, trained.stderr);
  assert.equal((await run('export', 'latest', '--gguf', 'f16')).code, 0);
  const pushed = await run('push', 'latest', 'wish/lora', '--gguf');
  assert.equal(pushed.code, 0, pushed.stderr);
  const { files } = hub.model('wish/lora')!;
  // The Modelfile names a folder of this machine.
  assert.deepEqual([...files.keys()].sort(), ['.gitattributes', 'My-first-run-lora-f16.gguf', 'README.md']);
  const card = files.get('README.md')!.bytes.toString();
  assert.match(card, /^---\nbase_model: "tiny-llama"\nbase_model_relation: adapter\n/);
  assert.match(card, /llama-cli -m model\.gguf --lora My-first-run-lora-f16\.gguf/);

  const other = path.join(folder, 'other.gguf');
  await writeFile(other, 'something else');
  assertOneError((await run('push', other, 'wish/x')).stderr, [/the file is no GGUF file/, /other\.gguf/]);
  await writeFile(other, `GGUF\x03 made in ${folder}/secret`);
  assertOneError((await run('push', other, 'wish/x')).stderr, [/names a folder of this machine: .*secret/]);
  const flag = await run('push', 'latest', 'wish/x', '--base-model', 'org/other');
  assert.equal(flag.code, 2);
  assert.equal(hub.model('wish/x'), undefined);
});
