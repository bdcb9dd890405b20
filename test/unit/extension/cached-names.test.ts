import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { parseConfigFile } from '../../../src/core/config-file/index.js';
import { WishboneError } from '../../../src/core/errors.js';
import { datasetId, type HubDatasetId, resolveDataset } from '../../../src/core/hub/index.js';
import { cachedNames } from '../../../src/extension/run-config/cached-names.js';
import { begin, fetched, fetchModel, MODEL } from '../hub/support.js';

const DATA = { kind: 'dataset' as const, name: 'wish/pairs', files: { 'train-0.jsonl': '{}\n', 'train-1.jsonl': '{}\n' } };

test('a run config by ids means files of the cache; an id that is not there is named with its line and the command that fetches it', async (context) => {
  const { settings } = await begin(context, [MODEL, DATA]);
  const before = process.env['HF_HUB_CACHE'];
  context.after(() => (before === undefined ? delete process.env['HF_HUB_CACHE'] : (process.env['HF_HUB_CACHE'] = before)));
  process.env['HF_HUB_CACHE'] = settings.cache;
  const config = (more: object): ReturnType<typeof parseConfigFile> =>
    parseConfigFile(JSON.stringify({ version: 1, ...more }, undefined, 1), '/work/a.wishbone.json');
  const all = config({
    model: 'wish/tiny-llama',
    dataset: ['wish/pairs:0.5', 'pairs.jsonl'],
    training: { reference_model: 'wish/tiny-llama' },
  });
  await assert.rejects(cachedNames(all), (error: unknown) => {
    assert.ok(error instanceof WishboneError);
    assert.deepEqual(
      [error.what, error.where, error.advice],
      [
        'wish/tiny-llama is not in the Hugging Face cache',
        '/work/a.wishbone.json:9, field training.reference_model',
        'download it in a terminal: wishbone plan /work/a.wishbone.json',
      ],
    );
    return true;
  });
  const { folder } = await fetchModel(settings, 'wish/tiny-llama');
  const data = await fetched(settings, await resolveDataset(settings, datasetId('wish/pairs') as HubDatasetId));
  const found = await cachedNames(all);
  assert.deepEqual([found.model, found.training.reference_model], [folder, folder]);
  assert.deepEqual(found.dataset, [
    `${path.join(data.folder, 'train-0.jsonl')}:0.5`,
    `${path.join(data.folder, 'train-1.jsonl')}:0.5`,
    '/work/pairs.jsonl',
  ]);
  const plain = config({ model: 'model', dataset: 'pairs.jsonl' });
  assert.deepEqual((await cachedNames(plain)).model, plain.model);
});
