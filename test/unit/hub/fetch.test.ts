import assert from 'node:assert/strict';
import { lstat, mkdir, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { WishboneError } from '../../../src/core/errors.js';
import { cachedModels, fetchPlan, modelName, originOf, resolveModel } from '../../../src/core/hub/index.js';
import { inspectModel } from '../../../src/core/model/index.js';
import { standInHub, TOKEN } from '../../support/stand-in-hub.js';
import { begin, fetchModel, MODEL, named, NEEDED } from './support.js';

const refused =
  (what: RegExp, advice = /./) =>
  (error: unknown) =>
    error instanceof WishboneError && what.test(error.what) && advice.test(error.advice)
      ? true
      : assert.fail(error instanceof WishboneError ? error.format() : String(error));

test('a model is fetched into the cache in the layout of huggingface_hub: only what a run needs, by relative links to blobs', async (context) => {
  const { hub, settings } = await begin(context);
  const resolved = await resolveModel(settings, named('wish/tiny-llama'), 'model');
  assert.equal(resolved.kind, 'missing');
  assert.deepEqual(await readdir(settings.cache).catch(() => []), [], 'nothing is written before somebody was asked');
  const bytes = NEEDED.reduce((sum, name) => sum + Buffer.from(MODEL.files[name]!).length, 0);
  assert.equal(resolved.kind === 'missing' && resolved.plan.bytes, bytes);
  const progress: number[] = [];
  const snapshot = await fetchModel(settings, 'wish/tiny-llama', { onProgress: ({ done, total }) => progress.push(done / total) });
  assert.equal(progress.at(-1), 1);
  const commit = hub.commit('model', 'wish/tiny-llama');
  const folder = path.join(settings.cache, 'models--wish--tiny-llama');
  assert.equal(snapshot.folder, path.join(folder, 'snapshots', commit));
  assert.deepEqual((await readdir(snapshot.folder)).sort(), NEEDED);
  assert.equal(await readFile(path.join(folder, 'refs', 'main'), 'utf8'), commit);
  for (const name of NEEDED) {
    const link = await readlink(path.join(snapshot.folder, name));
    assert.match(link, name.endsWith('.safetensors') ? /^\.\.\/\.\.\/blobs\/[0-9a-f]{64}$/ : /^\.\.\/\.\.\/blobs\/[0-9a-f]{40}$/);
    assert.ok((await readFile(path.join(snapshot.folder, name))).equals(Buffer.from(MODEL.files[name]!)));
  }
  assert.equal((await readdir(path.join(folder, 'blobs'))).length, NEEDED.length);
  assert.equal((await inspectModel(snapshot.folder)).files[0], 'model.safetensors');
  assert.deepEqual(originOf(snapshot.folder), { kind: 'model', name: 'wish/tiny-llama', commit });
  assert.equal(modelName(snapshot.folder), 'wish/tiny-llama');
  const before = hub.asked.length;
  assert.equal((await fetchModel({ ...settings, offline: true }, 'wish/tiny-llama')).folder, snapshot.folder);
  assert.equal((await fetchModel(settings, `wish/tiny-llama@${commit}`)).folder, snapshot.folder);
  assert.equal(hub.asked.length, before, 'what is in the cache is used without asking anybody');
});

test('a branch with slashes and a tag are noted where huggingface_hub looks; a commit that is there is not fetched again', async (context) => {
  const { hub, settings } = await begin(context);
  await fetchModel(settings, 'wish/tiny-llama');
  const large = (): number => hub.asked.filter(({ path: asked }) => asked.startsWith('/cdn/')).length;
  const before = large();
  await fetchModel(settings, 'wish/tiny-llama@v1');
  await fetchModel(settings, 'wish/tiny-llama@refs/pr/1');
  assert.equal(large(), before);
  const refs = path.join(settings.cache, 'models--wish--tiny-llama', 'refs');
  for (const name of ['main', 'v1', 'refs/pr/1']) {
    assert.equal(await readFile(path.join(refs, name), 'utf8'), hub.commit('model', 'wish/tiny-llama'));
  }
});

test('a file that is missing from a snapshot, or whose blob is gone or short, is fetched again, and no other', async (context) => {
  const { hub, settings } = await begin(context);
  const { folder } = await fetchModel(settings, 'wish/tiny-llama');
  const damage: [string, (file: string) => Promise<void>][] = [
    ['tokenizer.json', (file) => rm(file)],
    ['config.json', async (file) => rm(path.resolve(folder, await readlink(file)))],
    ['model.safetensors', async (file) => writeFile(path.resolve(folder, await readlink(file)), 'short')],
  ];
  for (const [name, harm] of damage) {
    await harm(path.join(folder, name));
    await assert.rejects(fetchModel({ ...settings, offline: true }, 'wish/tiny-llama'), refused(/HF_HUB_OFFLINE/));
    const resolved = await resolveModel(settings, named('wish/tiny-llama'), 'model');
    assert.deepEqual(resolved.kind === 'missing' && resolved.plan.missing.map((file) => file.path), [name]);
    await fetchModel(settings, 'wish/tiny-llama');
    assert.ok((await readFile(path.join(folder, name))).equals(Buffer.from(MODEL.files[name]!)), name);
  }
  assert.ok(hub.asked.length > 0);
});

test('the token goes to the hub and nowhere else', async (context) => {
  const { hub, settings } = await begin(context, [{ ...MODEL, isPrivate: true }]);
  await fetchModel({ ...settings, token: TOKEN }, 'wish/tiny-llama');
  for (const { path: asked, authorization } of hub.asked) {
    assert.equal(authorization, asked.startsWith('/cdn/') ? undefined : `Bearer ${TOKEN}`, asked);
  }
});

test('each way of the hub to say no has its sentence and link', async (context) => {
  const { hub, settings } = await begin(context, [
    MODEL,
    { ...MODEL, name: 'wish/gated', gated: true },
    { ...MODEL, name: 'wish/hidden', isPrivate: true },
    { ...MODEL, name: 'wish/new', formerly: ['wish/old'] },
    { kind: 'model', name: 'wish/adapter', files: { 'adapter_config.json': '{}', 'adapter_model.safetensors': 'x' } },
    { kind: 'model', name: 'wish/pickle', files: { 'config.json': '{}', 'pytorch_model.bin': 'x' } },
    { kind: 'model', name: 'wish/gguf', files: { 'm.gguf': 'x' } },
  ]);
  const known = { ...settings, token: TOKEN };
  const page = (name: string): RegExp => new RegExp(`${hub.endpoint}/${name}`);
  await assert.rejects(fetchModel(settings, 'wish/gated'), refused(/wish\/gated is gated/, page('wish/gated.*token')));
  await assert.rejects(fetchModel(known, 'wish/gated'), refused(/wish\/gated is gated/, /same token/));
  await assert.rejects(fetchModel(settings, 'wish/hidden'), refused(/private \(then make a token/, page('models\\?search=hidden')));
  await fetchModel(known, 'wish/hidden');
  await assert.rejects(fetchModel(known, 'wish/none'), refused(/no folder wish\/none here, and the hub has no model wish\/none/));
  await assert.rejects(
    fetchModel({ ...settings, token: 'hf_wrong' }, 'wish/new'),
    refused(/does not accept the token/, page('settings/tokens')),
  );
  await assert.rejects(fetchModel(settings, 'wish/new@v9'), refused(/no revision v9/, page('wish/new/tree/main')));
  await assert.rejects(fetchModel(settings, 'wish/adapter'), refused(/holds an adapter, not a model/, /--adapter-name-or-path/));
  await assert.rejects(fetchModel(settings, 'wish/pickle'), refused(/no weights in safetensors.*pytorch_model\.bin/, /convert/));
  await assert.rejects(fetchModel(settings, 'wish/gguf'), refused(/GGUF/));
  const renamed = await resolveModel(settings, named('wish/old'), 'model');
  assert.equal(renamed.kind === 'missing' && renamed.plan.renamed, 'wish/new');
  assert.match(
    (await fetchModel(settings, 'wish/old')).folder,
    /models--wish--old/,
    'kept under the name that was asked for, as Python looks for it',
  );
  hub.faults.statuses = [{ status: 429, retryAfter: 999 }];
  await assert.rejects(fetchModel(settings, 'wish/new'), refused(/too many requests.*429/, /999 seconds.*token/));
  hub.faults.statuses = Array.from({ length: 3 }, () => ({ status: 503 }));
  await assert.rejects(fetchModel(settings, 'wish/new'), refused(/out of order.*503/, /status\.huggingface\.co/));
  hub.faults.statuses = [{ status: 403 }];
  await assert.rejects(fetchModel(known, 'wish/new'), refused(/refuses.*403/, /tokens/));
  await assert.rejects(fetchModel({ ...settings, offline: true }, 'wish/new'), refused(/HF_HUB_OFFLINE forbids/));
  const gone = await standInHub([]);
  await gone.close();
  await assert.rejects(fetchModel({ ...settings, endpoint: gone.endpoint }, 'wish/new'), refused(/does not answer/, /HF_ENDPOINT/));
  await assert.rejects(fetchModel({ ...settings, endpoint: 'http://hub.example' }, 'wish/new'), refused(/not encrypted/));
});

test('a hub that is busy for a moment is asked again', async (context) => {
  const { hub, settings } = await begin(context);
  hub.faults.statuses = [{ status: 429, retryAfter: 0 }, { status: 502 }];
  await fetchModel(settings, 'wish/tiny-llama');
});

test('cut connections are taken up where they were; a hub without ranges sends again; wrong bytes are refused and do not stay', async (context) => {
  const { hub, settings } = await begin(context);
  hub.faults.cuts = [1000, 2000];
  const { folder } = await fetchModel(settings, 'wish/tiny-llama');
  assert.deepEqual(
    hub.asked.flatMap(({ path: asked, range }) => (asked.startsWith('/cdn/') ? [range] : [])),
    [undefined, 'bytes=1000-', 'bytes=3000-'],
  );
  await rm(settings.cache, { recursive: true });
  hub.faults.cuts = [1000];
  hub.faults.ignoresRanges = true;
  await fetchModel(settings, 'wish/tiny-llama');
  assert.ok((await readFile(path.join(folder, 'model.safetensors'))).equals(Buffer.from(MODEL.files['model.safetensors']!)));
  await rm(settings.cache, { recursive: true });
  hub.faults.wrongBytes = true;
  await assert.rejects(fetchModel(settings, 'wish/tiny-llama'), refused(/not what was promised/));
  const left = await readdir(path.join(settings.cache, 'models--wish--tiny-llama', 'blobs'));
  assert.deepEqual(
    left.filter((name) => name.length !== 40),
    [],
  );
  assert.equal(await lstat(path.join(folder, 'model.safetensors')).catch(() => undefined), undefined);
  hub.faults.wrongBytes = false;
  await fetchModel(settings, 'wish/tiny-llama');
});

test('no room, a cache that cannot be written, and a cancelled download are said; what came stays', async (context) => {
  const { hub, settings } = await begin(context);
  const resolved = await resolveModel(settings, named('wish/tiny-llama'), 'model');
  assert.ok(resolved.kind === 'missing');
  await assert.rejects(
    fetchPlan(settings, resolved.plan, {}, async () => 1000),
    refused(/the disk has 0\.0 MiB free, but wish\/tiny-llama needs/, /HF_HUB_CACHE/),
  );
  const file = `${settings.cache}-file`;
  await writeFile(file, '');
  await assert.rejects(
    fetchModel({ ...settings, cache: path.join(file, 'hub') }, 'wish/tiny-llama'),
    refused(/a file is where a folder of this path should be/),
  );
  hub.faults.speed = 100_000;
  const cancel = new AbortController();
  const half = resolved.plan.bytes / 2;
  await assert.rejects(
    fetchModel(settings, 'wish/tiny-llama', {
      signal: cancel.signal,
      onProgress: ({ done }) => void (done >= half && cancel.abort(new Error('given up'))),
    }),
    /given up/,
  );
  const again = await resolveModel(settings, named('wish/tiny-llama'), 'model');
  assert.ok(again.kind === 'missing' && again.plan.bytes <= half, 'it goes on');
  delete hub.faults.speed;
  await fetchModel(settings, 'wish/tiny-llama');
});

test('several at once fetch a file once', async (context) => {
  const { hub, settings } = await begin(context);
  await Promise.all(Array.from({ length: 4 }, () => fetchModel(settings, 'wish/tiny-llama')));
  assert.equal(hub.asked.filter(({ path: asked }) => asked.startsWith('/cdn/')).length, 1);
});

test('a list of files that leads out of the cache is refused', async (context) => {
  const { settings } = await begin(context, [{ ...MODEL, files: { ...MODEL.files, '../../../evil.json': '{}' } }]);
  await assert.rejects(fetchModel(settings, 'wish/tiny-llama'), refused(/cannot be kept/));
  await mkdir(settings.cache, { recursive: true });
  assert.deepEqual(await readdir(settings.cache), []);
});

test('the models of the cache are listed, at main or else at another revision; what is not whole enough to be one is not', async (context) => {
  const { hub, settings } = await begin(context, [MODEL, { ...MODEL, name: 'wish/other' }]);
  assert.deepEqual(await cachedModels(settings.cache), []);
  const { folder } = await fetchModel(settings, 'wish/tiny-llama@v1');
  await fetchModel(settings, 'wish/tiny-llama');
  const other = await fetchModel(settings, 'wish/other@v1');
  await mkdir(path.join(settings.cache, 'models--wish--none', 'refs'), { recursive: true });
  await writeFile(path.join(settings.cache, 'models--wish--none', 'refs', 'main'), hub.commit('model', 'wish/other'));
  assert.deepEqual(await cachedModels(settings.cache), [
    { name: 'wish/other', revision: 'v1', folder: other.folder },
    { name: 'wish/tiny-llama', revision: 'main', folder },
  ]);
});
