import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { WishboneError } from '../../../src/core/errors.js';
import {
  bytesOf,
  cachedAdapters,
  cachedDatasets,
  cachedModels,
  cachedName,
  datasetId,
  datasetPartNames,
  fetchAll,
  type FetchProgress,
  type HubDatasetId,
  isHubName,
  type LookUp,
  mergePlans,
  nameDatasets,
  nameModel,
  peekModel,
  Speed,
} from '../../../src/core/hub/index.js';
import { inspectModel, parameterCount, readModelConfig } from '../../../src/core/model/index.js';
import { begin, MODEL } from './support.js';

const DATA = {
  kind: 'dataset' as const,
  name: 'wish/pairs',
  files: { 'README.md': '# pairs\n', 'train-0.jsonl': '{}\n', 'train-1.jsonl': '{}\n', 'test.jsonl': '{}\n' },
};
const ADAPTER = {
  kind: 'model' as const,
  name: 'wish/adapter',
  files: { 'adapter_config.json': '{"peft_type":"LORA"}', 'adapter_model.safetensors': 'weights' },
};

test('names of a run: paths stay, ids are files and folders of the cache, with what is missing of them', async (context) => {
  const { settings, hub } = await begin(context, [MODEL, DATA, ADAPTER]);
  const folder = path.dirname(settings.cache);
  let asked = 0;
  const lookUp: LookUp = {
    folder,
    settings: async () => {
      asked++;
      return settings;
    },
  };
  assert.deepEqual(await nameModel('/models/own', 'model', lookUp), { paths: ['/models/own'], snapshots: [], missing: [] });
  assert.deepEqual((await nameDatasets(['a.jsonl:2', 'b.csv'], lookUp)).paths, ['a.jsonl:2', 'b.csv']);
  assert.equal(asked, 0, 'nobody is asked about paths');

  const data = await nameDatasets(['wish/pairs:0.5', 'own.jsonl', 'wish/pairs#test'], lookUp);
  const snapshot = path.join(settings.cache, 'datasets--wish--pairs', 'snapshots', hub.commit('dataset', 'wish/pairs'));
  assert.deepEqual(data.paths, [
    `${path.join(snapshot, 'train-0.jsonl')}:0.5`,
    `${path.join(snapshot, 'train-1.jsonl')}:0.5`,
    'own.jsonl',
    path.join(snapshot, 'test.jsonl'),
  ]);
  const [model, reference, adapter] = [
    await nameModel('wish/tiny-llama', 'model', lookUp),
    await nameModel('wish/tiny-llama', 'weights', lookUp),
    await nameModel('wish/adapter', 'adapter', lookUp),
  ];

  // The same repository twice is fetched once, and counted once.
  const plans = mergePlans([...model.missing, ...reference.missing, ...data.missing, ...adapter.missing]);
  assert.deepEqual(
    plans.map(({ snapshot: { id }, missing }) => [id.name, missing.map(({ path: name }) => name).sort()]),
    [
      ['wish/pairs', ['README.md', 'test.jsonl', 'train-0.jsonl', 'train-1.jsonl']],
      ['wish/tiny-llama', model.missing[0]!.missing.map(({ path: name }) => name).sort()],
      ['wish/adapter', ['adapter_config.json', 'adapter_model.safetensors']],
    ],
    'what is small and may be wrong comes first',
  );
  const sizes = plans.flatMap(({ missing }) => missing.map(({ size }) => size));
  assert.equal(
    bytesOf(plans),
    sizes.reduce((sum, size) => sum + size),
  );

  const told: FetchProgress[] = [];
  await fetchAll(settings, [...model.missing, ...reference.missing, ...data.missing, ...adapter.missing], {
    onProgress: (progress) => told.push(progress),
  });
  const last = told.at(-1)!;
  assert.deepEqual([last.done, last.total], [bytesOf(plans), bytesOf(plans)], 'as one');
  assert.ok(told.every(({ done }, index) => index === 0 || done >= told[index - 1]!.done));
  assert.deepEqual([...new Set(told.map(({ name }) => name))], ['wish/pairs', 'wish/tiny-llama', 'wish/adapter']);

  const offline: LookUp = { folder, settings: async () => ({ ...settings, offline: true }) };
  for (const named of [
    await nameDatasets(['wish/pairs:0.5', 'own.jsonl', 'wish/pairs#test'], offline),
    await nameModel('wish/tiny-llama', 'weights', offline),
    await nameModel('wish/adapter', 'adapter', offline),
  ]) {
    assert.deepEqual(named.missing, []);
  }

  assert.deepEqual(
    (await cachedModels(settings.cache)).map(({ name }) => name),
    ['wish/tiny-llama'],
  );
  assert.deepEqual(
    (await cachedAdapters(settings.cache)).map(({ name }) => name),
    ['wish/adapter'],
  );
  assert.deepEqual(
    (await cachedDatasets(settings.cache)).map(({ name }) => name),
    ['wish/pairs'],
  );
  const [at] = model.paths as [string];
  assert.equal(await cachedName(settings.cache, at), 'wish/tiny-llama');
  assert.equal(await cachedName('/another/cache', at), undefined);
  assert.equal(await cachedName(settings.cache, '/models/own'), undefined);
  await writeFile(path.join(settings.cache, 'models--wish--tiny-llama', 'refs', 'main'), '0'.repeat(40));
  assert.equal(await cachedName(settings.cache, at), `wish/tiny-llama@${path.basename(at)}`, 'main has moved on');
});

test('a model that cannot be trained is refused by its config, before anything of it is fetched', async (context) => {
  const config = '{"model_type": "mamba", "architectures": ["MambaForCausalLM"]}';
  const other = { ...MODEL, name: 'wish/other', files: { ...MODEL.files, 'config.json': config } };
  const { settings } = await begin(context, [MODEL, other]);
  const lookUp = { settings: async () => settings };
  const [good] = (await nameModel('wish/tiny-llama', 'model', lookUp)).missing;
  const { parameters, config: read } = await peekModel(settings, good!);
  const inspected = await inspectModel(path.resolve('examples/tiny-llama'));
  assert.deepEqual([read.family, parameters], ['llama', inspected.parameters]);
  const [bad] = (await nameModel('wish/other', 'model', lookUp)).missing;
  await assert.rejects(peekModel(settings, bad!), (error: unknown) => {
    assert.ok(error instanceof WishboneError);
    assert.match(error.what, /architecture is not supported/);
    assert.match(error.where, /^http:\/\/127\.0\.0\.1:\d+\/wish\/other\/blob\/[0-9a-f]{40}\/config\.json, field "architectures"$/);
    return true;
  });
  // It may be here already while its weights are not.
  await fetchAll(settings, [{ ...good!, missing: good!.missing.filter(({ path: name }) => name === 'config.json') }]);
  const again = (await nameModel('wish/tiny-llama', 'model', lookUp)).missing[0]!;
  assert.ok(!again.missing.some(({ path: name }) => name === 'config.json'));
  assert.equal((await peekModel({ ...settings, endpoint: 'http://127.0.0.1:9' }, again)).parameters, inspected.parameters);
});

test('weights are counted by the config as by the files, for every family', async () => {
  const fixtures = path.resolve('test/fixtures/hf');
  const folders = (await readdir(fixtures)).map((name) => path.join(fixtures, name, 'model')).filter((folder) => existsSync(folder));
  assert.ok(folders.length > 10);
  for (const folder of folders) {
    const { parameters } = await inspectModel(folder, { tokenizer: false });
    assert.equal(parameterCount(await readModelConfig(folder)), parameters, folder);
  }
});

test('the parts of a dataset, from the hub and from the cache', async (context) => {
  const several = {
    ...DATA,
    name: 'wish/several',
    files: {
      'README.md':
        '---\nconfigs:\n- config_name: a\n  data_files: [{split: train, path: a.jsonl}]\n- config_name: b\n  data_files: [{split: train, path: b.jsonl}, {split: none, path: c.jsonl}]\n---\n',
      'a.jsonl': '{}\n',
      'b.jsonl': '{}\n',
    },
  };
  const { settings } = await begin(context, [DATA, several]);
  const id = (text: string): HubDatasetId => datasetId(text) as HubDatasetId;
  assert.deepEqual(await datasetPartNames(settings, id('wish/pairs')), ['wish/pairs#train', 'wish/pairs#test']);
  assert.deepEqual(await datasetPartNames(settings, id('wish/several@main')), ['wish/several#a/train', 'wish/several#b/train']);
  await assert.rejects(datasetPartNames({ ...settings, offline: true }, id('wish/pairs')), /not wholly in the cache/);
  await fetchAll(settings, (await nameDatasets(['wish/pairs'], { settings: async () => settings })).missing);
  assert.deepEqual(await datasetPartNames({ ...settings, offline: true }, id('wish/pairs')), ['wish/pairs#train', 'wish/pairs#test']);
});

test('a disk without room for all of it is said before the first byte', async (context) => {
  const { settings, hub } = await begin(context, [MODEL]);
  const [plan] = (await nameModel('wish/tiny-llama', 'model', { settings: async () => settings })).missing;
  const before = hub.asked.length;
  const huge = { ...plan!, bytes: 1e18 };
  await assert.rejects(fetchAll(settings, [huge]), /the disk has .* free, but wish\/tiny-llama needs .* more/);
  assert.equal(hub.asked.length, before);
  await rm(settings.cache, { recursive: true, force: true });
});

test('ids are told from paths; speed is that of the last seconds', () => {
  assert.deepEqual(
    ['a/b', 'a/b.jsonl', '/a/b', './a/b', 'a', 'a/b#c:0.5'].map((text) => isHubName(text, 'dataset', '/nowhere')),
    [true, false, false, false, false, true],
  );
  assert.equal(isHubName('a/b#c', 'model', '/nowhere'), false);
  const speed = new Speed();
  assert.equal(speed.at(0, 0), undefined);
  assert.equal(speed.at(100, 1000), undefined);
  assert.equal(speed.at(3000, 3000), 1000);
  assert.equal(speed.at(3100, 4000), 1000);
  assert.equal(speed.at(3300, 6000), 100);
});
