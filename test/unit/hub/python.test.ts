import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { type HubDatasetId, pushFolder, resolveDataset, resolveModel } from '../../../src/core/hub/index.js';
import { standInHub, TOKEN } from '../../support/stand-in-hub.js';
import { begin, fetched, fetchModel, MODEL, named, NEEDED } from './support.js';

const run = promisify(execFile);
const PYTHON = process.env['WISHBONE_PYTHON'] ?? 'python3';
const DATA = {
  kind: 'dataset' as const,
  name: 'wish/pairs',
  files: {
    'README.md': '---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: data/train-*\n---\n# pairs\n',
    'data/train-00000-of-00002.parquet': 'first',
    'data/train-00001-of-00002.parquet': 'second',
    'data/test-00000-of-00001.parquet': 'third',
  },
};
const PAIRS: HubDatasetId = { kind: 'dataset', name: 'wish/pairs', revision: 'main', part: [] };

async function hasPython(context: TestContext): Promise<boolean> {
  const has = await run(PYTHON, ['-c', 'import huggingface_hub']).then(
    () => true,
    () => false,
  );
  if (!has) context.skip('needs a Python with huggingface_hub: WISHBONE_PYTHON names one');
  return has;
}

async function python(cache: string, endpoint: string, code: string): Promise<string> {
  const env = { ...process.env, HF_HUB_CACHE: cache, HF_ENDPOINT: endpoint, HF_HUB_DISABLE_XET: '1' };
  return (await run(PYTHON, ['-c', `from huggingface_hub import *\n${code}`], { env })).stdout;
}

test('huggingface_hub finds what was fetched, without the network, and counts it as its own', async (context) => {
  if (!(await hasPython(context))) return;
  const { settings } = await begin(context, [MODEL, DATA]);
  const model = await fetchModel(settings, 'wish/tiny-llama');
  const data = await fetched(settings, await resolveDataset(settings, PAIRS));
  const code = `
import json
model = [hf_hub_download("wish/tiny-llama", name, local_files_only=True) for name in ${JSON.stringify(NEEDED)}]
data = [hf_hub_download("wish/pairs", name, repo_type="dataset", local_files_only=True) for name in ["data/train-00000-of-00002.parquet"]]
info = scan_cache_dir()
print(json.dumps([model, data, [[repo.repo_id, repo.repo_type, sorted(ref for r in repo.revisions for ref in r.refs), repo.nb_files] for repo in sorted(info.repos, key=lambda r: r.repo_type)], [str(w) for w in info.warnings]]))`;
  const [files, pairs, repositories, warnings] = JSON.parse(await python(settings.cache, 'http://127.0.0.1:9', code)) as unknown[];
  assert.deepEqual(
    files,
    NEEDED.map((name) => path.join(model.folder, name)),
  );
  assert.deepEqual(pairs, [path.join(data.folder, 'data/train-00000-of-00002.parquet')]);
  assert.deepEqual(repositories, [
    ['wish/pairs', 'dataset', ['main'], 3],
    ['wish/tiny-llama', 'model', ['main'], NEEDED.length],
  ]);
  assert.deepEqual(warnings, []);
});

test('what huggingface_hub has fetched is used in place: by its list of files, and without one', async (context) => {
  if (!(await hasPython(context))) return;
  const { settings, hub } = await begin(context, [{ ...MODEL, files: { ...MODEL.files, 'tokenizer_config.json': '{}' } }, DATA]);
  const offline = { ...settings, offline: true };
  await python(settings.cache, hub.endpoint, 'snapshot_download("wish/tiny-llama"); snapshot_download("wish/pairs", repo_type="dataset")');
  const resolved = await resolveModel(offline, named('wish/tiny-llama'), 'model');
  assert.equal(resolved.kind, 'cached');
  const data = await resolveDataset(offline, PAIRS);
  assert.deepEqual([data.kind, data.files], ['cached', ['data/train-00000-of-00002.parquet', 'data/train-00001-of-00002.parquet']]);
  // As older ones leave it: no list, and only what was asked for.
  const old = { ...offline, cache: `${settings.cache}-old` };
  const files = NEEDED.map((name) => `hf_hub_download("wish/tiny-llama", "${name}")`).join('; ');
  await python(
    old.cache,
    hub.endpoint,
    `${files}; hf_hub_download("wish/pairs", "data/train-00000-of-00002.parquet", repo_type="dataset")`,
  );
  assert.deepEqual((await readdir(path.join(old.cache, 'models--wish--tiny-llama'))).includes('trees'), false);
  await assert.rejects(
    resolveModel(old, named('wish/tiny-llama'), 'model'),
    /not wholly in the cache/,
    'its template may be in a file never asked for',
  );
  const none = path.join(old.cache, 'models--wish--tiny-llama', '.no_exist', hub.commit('model', 'wish/tiny-llama'));
  await mkdir(none, { recursive: true });
  await writeFile(path.join(none, 'chat_template.jinja'), '');
  assert.equal((await resolveModel(old, named('wish/tiny-llama'), 'model')).kind, 'cached');
  await assert.rejects(resolveDataset(old, PAIRS), /not wholly in the cache/, 'other shards may be missing');
  const before = hub.asked.length;
  const online = await resolveDataset({ ...old, offline: false }, PAIRS);
  assert.deepEqual(online.kind === 'missing' && online.plan.missing.map(({ path: name }) => name), [
    'README.md',
    'data/train-00001-of-00002.parquet',
  ]);
  assert.ok(hub.asked.length > before);
});

test('the lock of a file is the one that huggingface_hub takes', async (context) => {
  if (!(await hasPython(context))) return;
  const { settings, hub } = await begin(context);
  const etag = createHash('sha256').update(Buffer.from(MODEL.files['model.safetensors']!)).digest('hex');
  const folder = path.join(settings.cache, '.locks', 'models--wish--tiny-llama');
  await mkdir(folder, { recursive: true });
  const code =
    'import sys\nfrom huggingface_hub.utils import WeakFileLock\nwith WeakFileLock(sys.argv[1]):\n    print("held", flush=True); sys.stdin.read()';
  const holder = spawn(PYTHON, ['-c', code, path.join(folder, `${etag}.lock`)], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(holder.stdout, 'data');
  const done = fetchModel(settings, 'wish/tiny-llama');
  const waited = await Promise.race([done.then(() => false), new Promise((resolve) => setTimeout(() => resolve(true), 1500))]);
  assert.ok(waited, 'Python has it');
  assert.ok(!hub.asked.some(({ path: asked }) => asked.startsWith('/cdn/')));
  holder.stdin.end();
  await done;
});

test('huggingface_hub uploads to the stand-in hub as Wishbone does, and reads what Wishbone has uploaded', async (context) => {
  if (!(await hasPython(context))) return;
  const hub = await standInHub([]);
  const scratch = await mkdtemp(path.join(tmpdir(), 'wishbone-push-python-'));
  context.after(async () => {
    await hub.close();
    await rm(scratch, { recursive: true, force: true });
  });
  // In parts, as files of gigabytes are sent.
  hub.uploads.partBytes = 1_000_000;
  const folder = path.resolve('examples/tiny-llama');
  const code = `
api = HfApi(endpoint="${hub.endpoint}", token="${TOKEN}")
api.create_repo("wish/theirs", private=True)
api.upload_folder(repo_id="wish/theirs", folder_path=${JSON.stringify(folder)})`;
  await python(scratch, hub.endpoint, code);
  hub.uploads.objects.clear();
  const settings = { endpoint: hub.endpoint, cache: scratch, token: TOKEN, offline: false, network: {} };
  await pushFolder(settings, { folder, name: 'wish/ours', folders: [], mayReplace: async () => false });
  const [theirs, ours] = [hub.model('wish/theirs')!, hub.model('wish/ours')!];
  assert.equal(theirs.isPrivate, true);
  assert.deepEqual([...ours.files].sort(byName), [...theirs.files].sort(byName));
  const read = `
api = HfApi(endpoint="${hub.endpoint}", token="${TOKEN}")
import hashlib, pathlib
folder = pathlib.Path(snapshot_download("wish/ours", token="${TOKEN}"))
print(hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest())`;
  const weights = createHash('sha256').update(await readFile(path.join(folder, 'model.safetensors')));
  assert.equal((await python(scratch, hub.endpoint, read)).trim(), weights.digest('hex'));
});

const byName = ([a]: [string, unknown], [b]: [string, unknown]): number => (a < b ? -1 : 1);
