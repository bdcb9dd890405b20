import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { WishboneError } from '../../../src/core/errors.js';
import { mlflowAuthorization, placesOf, trackioToken, type Variables } from '../../../src/core/trackers/places.js';
import { askFor, readAsked, type Secret, serversIn, trackersOf, withSecrets } from '../../../src/core/trackers/index.js';
import { temporaryFolder } from '../run/support.js';
import { trackedFolder } from './support.js';

function refused(names: Parameters<typeof placesOf>[0], variables: Variables, where: string, what: RegExp, advice: RegExp): void {
  assert.throws(
    () => placesOf(names, variables),
    (error) => {
      assert.ok(error instanceof WishboneError);
      assert.equal(error.where, where);
      assert.match(error.what, what);
      assert.match(error.advice, advice);
      return true;
    },
  );
}

test('where trackers are, by the variables of their own clients', () => {
  assert.deepEqual(placesOf(['mlflow'], { MLFLOW_TRACKING_URI: 'https://ml.example.org/base/' }), {
    mlflow: { uri: 'https://ml.example.org/base', experiment: 'Default' },
  });
  assert.deepEqual(placesOf(['mlflow'], { MLFLOW_TRACKING_URI: 'http://in.house:5000', MLFLOW_EXPERIMENT_NAME: 'one' }).mlflow, {
    uri: 'http://in.house:5000',
    experiment: 'one',
  });
  assert.deepEqual(placesOf(['trackio'], { HF_HOME: '/data/hf' }).trackio, { project: 'huggingface', folder: '/data/hf/trackio' });
  assert.deepEqual(placesOf(['trackio'], { TRACKIO_DIR: '/data/t', TRACKIO_PROJECT: 'p' }).trackio, { project: 'p', folder: '/data/t' });
  assert.deepEqual(placesOf(['trackio'], { TRACKIO_SERVER_URL: 'http://host:7860/?write_token=secret' }).trackio, {
    project: 'huggingface',
    server: 'http://host:7860',
  });
  assert.deepEqual(placesOf(['wandb'], { WANDB_PROJECT: 'p', WANDB_ENTITY: 'e' }).wandb, { project: 'p', entity: 'e' });
  assert.deepEqual(placesOf([], {}), {});
});

test('what cannot be sent to is refused by name', () => {
  refused(['mlflow'], {}, 'MLFLOW_TRACKING_URI', /nothing says where/, /http:\/\/localhost:5000/);
  for (const uri of ['file:///tmp/mlruns', 'sqlite:///mlflow.db', './mlruns', 'databricks'])
    refused(['mlflow'], { MLFLOW_TRACKING_URI: uri }, 'MLFLOW_TRACKING_URI', /no server/, /mlflow server --backend-store-uri/);
  refused(['trackio'], { TRACKIO_SPACE_ID: 'org/space' }, 'TRACKIO_SPACE_ID', /Space/, /trackio sync/);
});

test('secrets are in no file and in no message', async (t) => {
  const variables = {
    MLFLOW_TRACKING_URI: 'https://name:secret@ml.example.org/',
    TRACKIO_SERVER_URL: 'https://t.example.org?write_token=secret',
  };
  const folder = await trackedFolder(t, ['mlflow', 'trackio'], variables);
  assert.doesNotMatch(await readFile(path.join(folder, 'trackers.json'), 'utf8'), /secret/);
  assert.throws(
    () => placesOf(['mlflow'], { MLFLOW_TRACKING_URI: 'postgresql://name:secret@host/db' }),
    (error: WishboneError) => !/secret/.test(error.format()),
  );
});

test('a secret goes to the server alone that it was given for', () => {
  const place = { uri: 'https://ml.example.org', experiment: 'e' };
  const own = { MLFLOW_TRACKING_URI: 'https://ml.example.org/base', MLFLOW_TRACKING_TOKEN: 'abc' };
  assert.equal(mlflowAuthorization(place, own), 'Bearer abc');
  assert.equal(
    mlflowAuthorization(place, { ...own, MLFLOW_TRACKING_USERNAME: 'u', MLFLOW_TRACKING_PASSWORD: 'p' }),
    `Basic ${btoa('u:p')}`,
  );
  assert.equal(mlflowAuthorization(place, { MLFLOW_TRACKING_URI: 'https://u:p%40@ml.example.org' }), `Basic ${btoa('u:p@')}`);
  assert.equal(mlflowAuthorization({ ...place, uri: 'https://elsewhere.example.org' }, own), undefined);
  assert.equal(mlflowAuthorization({ ...place, uri: 'http://ml.example.org' }, own), undefined);
  assert.equal(mlflowAuthorization(place, { MLFLOW_TRACKING_TOKEN: 'abc' }), undefined);
  const server = { project: 'p', server: 'http://host:7860' };
  assert.equal(trackioToken(server, { TRACKIO_SERVER_URL: 'http://host:7860/?write_token=w' }), 'w');
  assert.equal(trackioToken(server, { TRACKIO_SERVER_URL: 'http://host:7860', TRACKIO_WRITE_TOKEN: 'v' }), 'v');
  assert.equal(trackioToken(server, { TRACKIO_SERVER_URL: 'http://other:7860', TRACKIO_WRITE_TOKEN: 'v' }), undefined);
});

test('what a run is sent to is decided once, and more may come', async (t) => {
  const folder = await temporaryFolder(t);
  assert.equal(await readAsked(folder), undefined);
  await askFor(folder, {});
  assert.equal(await readAsked(folder), undefined);
  await askFor(folder, placesOf(['wandb'], { WANDB_PROJECT: 'first' }));
  const first = await readAsked(folder);
  await askFor(folder, placesOf(['wandb', 'mlflow'], { WANDB_PROJECT: 'second', MLFLOW_TRACKING_URI: 'http://localhost:5000' }));
  const then = await readAsked(folder);
  assert.equal(then?.key, first?.key);
  assert.equal(then?.places.wandb?.project, 'first');
  assert.equal(then?.places.mlflow?.uri, 'http://localhost:5000');
});

test('report_to as transformers has it', () => {
  assert.deepEqual(trackersOf('mlflow'), ['mlflow']);
  assert.deepEqual(trackersOf(['tensorboard', 'wandb', 'mlflow', 'wandb']), ['mlflow', 'wandb']);
  assert.deepEqual(trackersOf('none'), []);
  assert.deepEqual(trackersOf(undefined), []);
});

test('what is stored for a server, or given for it in the environment, is laid over the environment; nothing of another server', async () => {
  const environment = { MLFLOW_TRACKING_URI: 'https://a.example.org', MLFLOW_TRACKING_TOKEN: 'of a' };
  const stored =
    (secrets: Readonly<Record<string, Secret>>) =>
    async (name: string, origin: string): Promise<Secret | undefined> =>
      secrets[`${name} ${origin}`];
  const shown = async (uri: string, secrets: Readonly<Record<string, Secret>>): Promise<string | undefined> => {
    const variables = await withSecrets({ ...environment, MLFLOW_TRACKING_URI: uri }, environment, stored(secrets));
    return mlflowAuthorization({ uri: new URL(uri).origin, experiment: 'e' }, { ...environment, ...variables });
  };
  assert.equal(await shown('https://a.example.org/base', {}), 'Bearer of a');
  assert.equal(await shown('https://b.example.org', {}), undefined);
  assert.equal(await shown('https://b.example.org', { 'mlflow https://a.example.org': { user: '', secret: 'x' } }), undefined);
  assert.equal(await shown('https://b.example.org', { 'mlflow https://b.example.org': { user: '', secret: 'of b' } }), 'Bearer of b');
  const named = { 'mlflow https://a.example.org': { user: 'u', secret: 'p' } };
  assert.equal(await shown('https://a.example.org', named), `Basic ${btoa('u:p')}`);
  const trackio = await withSecrets({ TRACKIO_SERVER_URL: 'http://t:1' }, {}, stored({ 'trackio http://t:1': { user: '', secret: 'w' } }));
  assert.equal(trackio['TRACKIO_WRITE_TOKEN'], 'w');
  assert.deepEqual(serversIn({ MLFLOW_TRACKING_URI: 'no address', TRACKIO_SERVER_URL: 'http://t:1/x' }), [
    { name: 'trackio', origin: 'http://t:1' },
  ]);
});
