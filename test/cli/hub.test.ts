// Models and data by their ids on the hub: from an empty cache to a trained export, and again without the network.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { type StandInHub, standInHub } from '../support/stand-in-hub.js';
import { assertOneError } from './one-error.js';
import { cli, exampleData, exampleModel, type Outcome, temporaryFolder } from './support.js';

const rows = readFileSync(exampleData, 'utf8').trim().split('\n').slice(0, 24);
const model = Object.fromEntries(readdirSync(exampleModel).map((name) => [name, readFileSync(join(exampleModel, name))]));

/** A folder that `datasets` saved, as somebody has uploaded it (scripts/fixtures/arrow_values.py). */
const folderOfSaved = join(import.meta.dirname, '../unit/dataset/arrow/splits');
const saved = Object.fromEntries(
  readdirSync(folderOfSaved, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.includes('.'))
    .map((name) => [name, readFileSync(join(folderOfSaved, name))]),
);

interface Setting {
  readonly hub: StandInHub;
  readonly folder: string;
  readonly cache: string;
  run(...args: string[]): Promise<Outcome>;
}

async function begin(t: TestContext): Promise<Setting> {
  const hub = await standInHub([
    { kind: 'model', name: 'wish/tiny-llama', files: { ...model, 'onnx/model.onnx': 'not needed' } },
    { kind: 'dataset', name: 'wish/saved', files: saved },
    {
      kind: 'dataset',
      name: 'wish/pairs',
      files: {
        'README.md':
          '---\nconfigs:\n- config_name: default\n  data_files:\n  - {split: train_prefs, path: "train-*"}\n  - {split: test_prefs, path: test.jsonl}\n---\n',
        'train-0.jsonl': `${rows.slice(0, 8).join('\n')}\n`,
        'train-1.jsonl': `${rows.slice(8, 16).join('\n')}\n`,
        'test.jsonl': `${rows.slice(16).join('\n')}\n`,
      },
    },
  ]);
  t.after(() => hub.close());
  const folder = await temporaryFolder(t);
  const cache = join(folder, 'hub');
  // execa is ESM only, and the tests are loaded as CommonJS.
  const { execa } = await import('execa');
  const run = async (...args: string[]): Promise<Outcome> => {
    const env = { HF_ENDPOINT: hub.endpoint, HF_HUB_CACHE: cache, XDG_CACHE_HOME: join(folder, 'cache') };
    const ended = await execa(process.execPath, [cli, ...args], { reject: false, stdin: 'ignore', cwd: folder, env });
    return { code: ended.exitCode ?? -1, stdout: ended.stdout, stderr: ended.stderr };
  };
  return { hub, folder, cache, run };
}

test('a run by ids alone: fetched, trained, pinned by commit in run.json and the model card, and again from the cache', async (t) => {
  const { hub, folder, cache, run } = await begin(t);
  const data = ['wish/pairs#train_prefs', '--eval-dataset', 'wish/pairs#test_prefs', '--model', 'wish/tiny-llama'];
  const more = [
    '--reference-model',
    'wish/tiny-llama',
    '--max-steps',
    '2',
    '--batch-size',
    '4',
    '--eval-steps',
    '2',
    '--backend',
    'cpu',
    '--json',
  ];
  const first = await run('train', ...data, ...more, '--runs', 'runs');
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stderr, /wish\/tiny-llama: downloading 6 files, [\d.]+ MiB, from 127\.0\.0\.1:\d+ into /);
  const id = (await readdir(join(folder, 'runs'))).find((name) => !name.startsWith('.'));
  const config = JSON.parse(await readFile(join(folder, 'runs', id!, 'run.json'), 'utf8')) as Record<string, Record<string, unknown>>;
  const commits = { model: hub.commit('model', 'wish/tiny-llama'), data: hub.commit('dataset', 'wish/pairs') };
  const snapshot = join(cache, 'models--wish--tiny-llama', 'snapshots', commits.model);
  assert.deepEqual(config['model'], { path: snapshot, hub: { id: 'wish/tiny-llama', revision: commits.model } });
  assert.equal(config['training']!['reference_model'], snapshot);
  for (const name of ['dataset', 'eval_dataset']) {
    assert.deepEqual(config[name]!['hub'], [{ id: 'wish/pairs', revision: commits.data }]);
  }
  assert.equal(config['dataset']!['pairs'], 16);
  const card = await readFile(join(folder, 'runs', id!, 'export', 'README.md'), 'utf8');
  assert.match(card, /^---\nbase_model: "wish\/tiny-llama"\n/);
  assert.ok(card.includes(commits.model) && card.includes(`wish/pairs@${commits.data}`) && !card.includes(folder), card);
  assert.ok((await readdir(join(folder, 'runs', id!, 'export'))).includes('tokenizer.json'), 'links to blobs are followed');
  const asked = hub.asked.length;
  const shown = await run('show', join(folder, 'runs', id!));
  assert.match(shown.stdout, new RegExp(`model +wish/tiny-llama@${commits.model}`));
  const second = await run('train', ...data, ...more, '--runs', 'again');
  assert.equal(second.code, 0, second.stderr);
  assert.doesNotMatch(second.stderr, /downloading/);
  assert.equal(hub.asked.length, asked, 'nobody was asked');
});

test('plans, checks and samples take ids, also in a run config and with a weight; a check fetches no weights', async (t) => {
  const { hub, folder, run } = await begin(t);
  const checked = await run('check', 'wish/pairs#train_prefs', '--model', 'wish/tiny-llama');
  assert.equal(checked.code, 0, checked.stderr);
  assert.ok(!hub.asked.some(({ path }) => path.startsWith('/cdn/')));
  const config = join(folder, 'a.wishbone.json');
  await writeFile(
    config,
    JSON.stringify({
      version: 1,
      model: 'wish/tiny-llama',
      dataset: ['wish/pairs#train_prefs:2'],
      training: { reference_model: 'wish/tiny-llama' },
    }),
  );
  const planned = await run('plan', config, '--json');
  assert.equal(planned.code, 0, planned.stderr);
  const summary = JSON.parse(planned.stdout) as { files: { weight: number; pairs: number }[] };
  assert.deepEqual(
    summary.files.map(({ weight }) => weight),
    [2, 2],
  );
  const sampled = await run('sample', 'wish/tiny-llama', '--dataset', 'wish/pairs#test_prefs', '--count', '1', '--max-new-tokens', '2');
  assert.equal(sampled.code, 0, sampled.stderr);
});

test('what cannot be had is one error, with what helps', async (t) => {
  const { hub, run } = await begin(t);
  const refused = async (args: readonly string[], ...says: RegExp[]): Promise<void> => {
    const ended = await run('plan', ...args);
    assert.equal(ended.code, 3);
    assertOneError(ended.stderr, says);
  };
  await refused(['wish/pairs#train_prefs', '--model', 'wish/none'], /no folder wish\/none here, and the hub has no model wish\/none/);
  await refused(['wish/pairs', '--model', 'wish/tiny-llama'], /several splits/, /wish\/pairs#train_prefs, wish\/pairs#test_prefs/);
  await hub.close();
  await refused([exampleData, '--model', 'wish/tiny-llama@v7'], /the hub does not answer/);
});

test('a dataset that was saved to a folder and uploaded as it is: its Arrow files by split', async (t) => {
  const { cache, run } = await begin(t);
  const checked = await run('check', 'wish/saved', 'wish/saved#test', '--json');
  assert.equal(checked.code, 0, checked.stderr);
  const { files } = JSON.parse(checked.stdout) as { files: { file: string; pairs: number }[] };
  assert.deepEqual(
    files.map(({ file, pairs }) => [file.split('/').slice(-2).join('/'), pairs]),
    [
      ['train/data-00000-of-00002.arrow', 10],
      ['train/data-00001-of-00002.arrow', 10],
      ['test/data-00000-of-00001.arrow', 5],
    ],
  );
  for (const { file } of files) assert.ok(file.startsWith(cache));
});
