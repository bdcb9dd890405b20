import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { WishboneError } from '../../../src/core/errors.js';
import { type HubSettings, pushFolder, type PushRequest } from '../../../src/core/hub/index.js';
import { type StandInHub, standInHub, type StandInRepository, TOKEN } from '../../support/stand-in-hub.js';

const MODEL = path.resolve('examples/tiny-llama');

interface Setting {
  readonly hub: StandInHub;
  readonly folder: string;
  readonly settings: HubSettings;
  push(
    request?: Partial<PushRequest>,
    changed?: Partial<HubSettings>,
    work?: Parameters<typeof pushFolder>[2],
  ): ReturnType<typeof pushFolder>;
}

async function begin(t: TestContext, repositories: readonly StandInRepository[] = []): Promise<Setting> {
  const hub = await standInHub(repositories);
  const scratch = await mkdtemp(path.join(tmpdir(), 'wishbone-push-'));
  t.after(async () => {
    await hub.close();
    await rm(scratch, { recursive: true, force: true });
  });
  const folder = path.join(scratch, 'export');
  await cp(MODEL, folder, { recursive: true });
  await writeFile(path.join(folder, 'README.md'), '---\nbase_model: org/tiny\n---\n\n# A model\n');
  const settings = { endpoint: hub.endpoint, cache: '', token: TOKEN, offline: false, network: { patience: 5000 } };
  const push: Setting['push'] = (request, changed, work) =>
    pushFolder(
      { ...settings, ...changed },
      { folder, name: 'wish/new', folders: [scratch], mayReplace: async () => false, ...request },
      work,
    );
  return { hub, folder, settings, push };
}

async function refused(done: Promise<unknown>, what: RegExp, advice = /./, where = /./): Promise<WishboneError> {
  const error = await done.then(
    () => assert.fail('nothing was refused'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof WishboneError, String(error));
  assert.match(error.what, what);
  assert.match(error.advice, advice);
  assert.match(error.where, where);
  return error;
}

async function sameFiles(hub: StandInHub, name: string, folder: string): Promise<void> {
  const files = hub.model(name)!.files;
  for (const own of await readdir(folder)) {
    assert.ok((await readFile(path.join(folder, own))).equals(files.get(own)!.bytes), own);
  }
}

test('a folder is a private repository with its files, in one commit, and large files are sent without the token', async (t) => {
  const { hub, folder, push } = await begin(t);
  const progress: string[] = [];
  const pushed = await push({}, {}, { onProgress: ({ phase, done, total }) => progress.push(`${phase} ${done <= total}`) });
  assert.equal(pushed.url, `${hub.endpoint}/wish/new`);
  assert.equal(pushed.commit, hub.commit('model', 'wish/new'));
  assert.equal(hub.model('wish/new')!.isPrivate, true);
  await sameFiles(hub, 'wish/new', folder);
  assert.equal(hub.model('wish/new')!.files.get('model.safetensors')!.isLarge, true);
  assert.deepEqual(hub.uploads.tokensSent, []);
  assert.equal(hub.uploads.verified.length, 1);
  assert.equal(hub.asked.filter(({ path: asked }) => asked.endsWith('/commit/main')).length, 1);
  assert.ok(progress.includes('upload true') && !progress.includes('upload false'), progress.join());
});

test('a hub that makes a public repository where a private one was asked for gets nothing', async (t) => {
  const { hub, push } = await begin(t);
  hub.uploads.ignoresVisibility = true;
  await refused(push(), /was to be private, and the hub has made it public/, /--public/);
  assert.deepEqual([...hub.model('wish/new')!.files.keys()], ['.gitattributes']);
});

test('a name alone is one of the token’s owner; a public repository where it is asked for', async (t) => {
  const { hub, push } = await begin(t);
  const { name } = await push({ name: 'mine', isPublic: true });
  assert.equal(name, 'wish/mine');
  assert.equal(hub.model(name)!.isPrivate, false);
});

test('large files in parts, cut in mid-file and sent again', async (t) => {
  const { hub, folder, push } = await begin(t);
  hub.uploads.partBytes = 20_000;
  hub.uploads.cuts = [5000, 12_000];
  let last = { done: 0, total: 0 };
  await push({}, {}, { onProgress: ({ phase, done, total }) => phase === 'upload' && (last = { done, total }) });
  await sameFiles(hub, 'wish/new', folder);
  assert.equal(last.done, last.total);
});

test('what the hub has already is not sent again', async (t) => {
  const { hub, push } = await begin(t);
  await push();
  hub.asked.length = 0;
  await push({ name: 'wish/second' });
  assert.deepEqual(
    hub.asked.filter(({ method }) => method === 'PUT'),
    [],
  );
  assert.equal(hub.model('wish/second')!.files.get('model.safetensors')!.isLarge, true);
});

test('a repository that is there is changed only when that is allowed, and keeps its other files', async (t) => {
  const there: StandInRepository = { kind: 'model', name: 'wish/new', files: { 'config.json': '{}', 'notes.txt': 'kept' } };
  const { hub, folder, push } = await begin(t, [there]);
  const before = hub.commit('model', 'wish/new');
  const error = await refused(push(), /there is a repository wish\/new already, which everybody may see/, /--overwrite/);
  assert.equal(error.exitCode, 5);
  assert.equal(hub.commit('model', 'wish/new'), before);
  const asked: unknown[] = [];
  await push({ mayReplace: async (...question) => asked.push(question) > 0 });
  assert.deepEqual(asked, [['wish/new', false]]);
  await sameFiles(hub, 'wish/new', folder);
  assert.equal(hub.model('wish/new')!.files.get('notes.txt')!.bytes.toString(), 'kept');
});

test('no token, a wrong one, one that may not write, offline, no such name: each has its own sentence', async (t) => {
  const { hub, push } = await begin(t);
  await refused(push({}, { token: undefined }), /needs a token/, /settings\/tokens.*HF_TOKEN.*hf auth login/);
  await refused(push({}, { token: 'hf_wrong' }), /does not accept the token/, /wrong or has expired/);
  await refused(push({ name: 'others/model' }), /may not write to others\/model \(403: You don't have the rights/, /organisation/);
  await refused(push({}, { offline: true }), /HF_HUB_OFFLINE/);
  await refused(push({ name: 'a b/c' }), /no name of a repository/, /org\/name/);
  await refused(push({}, { endpoint: 'http://127.0.0.1:9', network: { patience: 300 } }), /does not answer/, /HF_ENDPOINT/);
  assert.equal(hub.model('wish/new'), undefined);
});

test('nothing that names a folder of this machine is uploaded, whatever file it is in', async (t) => {
  const { hub, folder, push } = await begin(t);
  const scratch = path.dirname(folder);
  const cases: [name: string, content: string | Buffer, where: RegExp][] = [
    ['README.md', `# A model\n\nfrom ${scratch}/data.jsonl\n`, /README\.md, line 3$/],
    ['adapter_config.json', JSON.stringify({ base_model_name_or_path: path.join(homedir(), 'models/x') }), /adapter_config\.json/],
    ['config.json', '{\n"_name_or_path": "/home/somebody/models/x"}', /config\.json, line 2/],
    ['generation_config.json', '{"a": "\\/Users\\/somebody\\/x"}', /generation_config/],
    ['notes.txt', 'C:\\Users\\Somebody\\x', /notes/],
    ['notes.json', JSON.stringify('C:\\Users\\Somebody\\x'), /notes/],
    ['chat_template.jinja', `{# ${scratch} #}`, /chat_template/],
    ['extra.safetensors', safetensors({ made: `${scratch}/run` }), /extra\.safetensors/],
    [
      'spelt.safetensors',
      safetensors({ made: '/home/somebody/run' }, (json) => json.replaceAll('home', '\\u0068ome')),
      /spelt\.safetensors/,
    ],
  ];
  for (const [name, content, where] of cases) {
    const file = path.join(folder, name);
    const before = await readFile(file).catch(() => undefined);
    await writeFile(file, content);
    await refused(push(), /names a folder of this machine/, /replace it/, where);
    if (before === undefined) await rm(file);
    else await writeFile(file, before);
  }
  assert.equal(hub.model('wish/new'), undefined, 'nothing was made');
  // What only looks alike is no folder.
  await writeFile(path.join(folder, 'README.md'), 'See https://example.org/home/page and src/Users/list.\n');
  await push();
});

test('a safetensors file that is none is not uploaded', async (t) => {
  const { hub, folder, push } = await begin(t);
  for (const bytes of [Buffer.from('abc'), Buffer.alloc(64, 0xff), Buffer.concat([safetensors({}), Buffer.from('more')])]) {
    await writeFile(path.join(folder, 'broken.safetensors'), bytes);
    await refused(push(), /./, /./, /broken\.safetensors/);
  }
  assert.equal(hub.model('wish/new'), undefined, 'nothing was made');
});

function safetensors(metadata: object, spelt = (json: string): string => json): Buffer {
  const header = Buffer.from(spelt(JSON.stringify({ __metadata__: metadata })));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header]);
}

test('hidden files stay; a link, or a folder without a model, is refused', async (t) => {
  const { hub, folder, push } = await begin(t);
  await writeFile(path.join(folder, '.secret'), 'x');
  await push();
  assert.ok(!hub.model('wish/new')!.files.has('.secret'));
  await symlink('/etc/hostname', path.join(folder, 'link'));
  await refused(push({ name: 'wish/third' }), /only regular files/);
  const empty = path.join(path.dirname(folder), 'empty');
  await mkdir(empty);
  await refused(push({ folder: empty }), /no model and no adapter/);
});

test('cancelled in mid-file: no commit', async (t) => {
  const { hub, push } = await begin(t);
  hub.uploads.speed = 100_000;
  const cancel = new AbortController();
  const reason = new Error('cancelled');
  const done = push(
    {},
    {},
    { signal: cancel.signal, onProgress: ({ phase, done: sent }) => phase === 'upload' && sent > 0 && cancel.abort(reason) },
  );
  await assert.rejects(done, (error) => error === reason);
  assert.ok(!hub.model('wish/new')!.files.has('model.safetensors'));
});
