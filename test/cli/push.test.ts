// `wishbone push` against a hub on loopback: from a run to a repository, and back.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { type StandInHub, standInHub, TOKEN } from '../support/stand-in-hub.js';
import { assertOneError } from './one-error.js';
import { cli, exampleData, exampleModel, type Outcome, temporaryFolder } from './support.js';

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
  const trained = await run('train', exampleData, '--model', exampleModel, ...training, '--eval-dataset', exampleData, '--eval-steps', '2');
  assert.equal(trained.code, 0, trained.stderr);
  const pushed = await run('push', 'latest');
  assert.equal(pushed.code, 0, pushed.stderr);
  assert.equal(pushed.stdout.trim(), `${hub.endpoint}/wish/My-first-run`);
  assert.match(pushed.stderr, /\d+ files, [\d.]+ MiB, commit [0-9a-f]{40}/);
  const { files, isPrivate } = hub.model('wish/My-first-run')!;
  assert.equal(isPrivate, true);
  const card = files.get('README.md')!.bytes.toString();
  assert.match(card, /^---\nbase_model: "tiny-llama"\n/);
  for (const [name, { bytes }] of files) assert.ok(!bytes.includes(folder) && !bytes.includes(path.dirname(exampleData)), name);

  const again = await run('push', 'latest');
  assert.equal(again.code, 5);
  assertOneError(again.stderr, [/there is a repository wish\/My-first-run already/, /--overwrite/]);
  const replaced = await run('push', 'latest', 'wish/My-first-run', '--overwrite', '--json');
  assert.equal(replaced.code, 0, replaced.stderr);
  assert.equal((JSON.parse(replaced.stdout) as { name: string }).name, 'wish/My-first-run');

  const next = await run('train', exampleData, '--model', 'wish/My-first-run', ...training);
  assert.equal(next.code, 0, next.stderr);
});

test('an adapter, whose card and config name its model as others know it', async (t) => {
  const { hub, run } = await begin(t);
  const trained = await run('train', exampleData, '--model', exampleModel, ...training, '--use-peft');
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
  assertOneError(nothing.stderr, [/no runs yet/]);
  assert.ok((await readFile(path.join(exampleModel, 'config.json'))).length > 0);
});
