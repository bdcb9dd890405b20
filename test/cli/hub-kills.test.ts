// Downloads that are killed in the middle, again and again: each attempt goes on from there, and what comes of it is whole.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { fetchedBytes } from '../../src/core/download/index.js';
import { writeSafetensors } from '../../src/core/files/safetensors.js';
import { parseModelConfig } from '../../src/core/model/index.js';
import { parameterShapes } from '../../src/core/model/config.js';
import { Random } from '../../src/core/plan/random.js';
import { standInHub } from '../support/stand-in-hub.js';
import { cli, exampleData, exampleModel, temporaryFolder } from './support.js';

const KILLS = Number(process.env['WISHBONE_HUB_KILLS'] ?? 50);
const SEED = 19;
/** A number in [0, 1) after the other, always the same. */
function fractions(): () => number {
  const random = new Random(SEED);
  return () => random.next() / 2 ** 32;
}
/** Bytes a second: slow enough to be killed in the middle. */
const SPEED = 16 << 20;
/** Of the weights, an attempt gets at most so much before it is killed. */
const MOST = 2.5 * 2 ** 20;
/** What a kill may cost of what has come: what was not noted yet, and what was on its way. */
const LOST = 2 * 2 ** 20;

/** The example model with wider layers: some 55 MiB, which one connection fetches. */
async function widerModel(folder: string): Promise<Record<string, Buffer>> {
  const files = Object.fromEntries(readdirSync(exampleModel).map((name) => [name, readFileSync(join(exampleModel, name))]));
  const config = JSON.parse(files['config.json']!.toString()) as Record<string, number>;
  const wider = JSON.stringify({ ...config, intermediate_size: 8_800 });
  const shapes = [...parameterShapes(parseModelConfig(wider, 'config.json'))];
  const random = fractions();
  const tensors = shapes.map(([name, shape]) => {
    const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
    for (let i = 0; i < data.length; i++) data[i] = random() - 0.5;
    return [name, { dtype: 'F32' as const, shape, data }] as const;
  });
  const file = join(folder, 'model.safetensors');
  await writeSafetensors(file, { metadata: { format: 'pt' }, tensors: new Map(tensors) });
  return { ...files, 'config.json': Buffer.from(wider), 'model.safetensors': await readFile(file) };
}

test(`killed ${KILLS} times at any moment, a download by ids goes on each time, and nothing is corrupt`, async (t) => {
  const folder = await temporaryFolder(t);
  const model = await widerModel(folder);
  const weights = model['model.safetensors']!;
  assert.ok(weights.length > 40 * 2 ** 20 && weights.length < 64 * 2 ** 20, `${weights.length}`);
  const rows = readFileSync(exampleData, 'utf8').trim().split('\n').slice(0, 8).join('\n');
  const hub = await standInHub([
    { kind: 'model', name: 'wish/wide-llama', files: model },
    { kind: 'dataset', name: 'wish/pairs', files: { 'train.jsonl': `${rows}\n` } },
  ]);
  t.after(() => hub.close());
  const cache = join(folder, 'hub');
  const env = { ...process.env, HF_ENDPOINT: hub.endpoint, HF_HUB_CACHE: cache, WISHBONE_CACHE: join(folder, 'cache') };
  const start = (): ReturnType<typeof spawn> =>
    spawn(process.execPath, [cli, 'plan', 'wish/pairs', '--model', 'wish/wide-llama', '--json'], { env, stdio: 'ignore' });
  const repository = join(cache, 'models--wish--wide-llama');
  const hash = createHash('sha256').update(weights).digest('hex');
  const part = join(repository, 'blobs', `${hash}.wishbone.incomplete`);
  const snapshot = join(repository, 'snapshots', hub.commit('model', 'wish/wide-llama'));

  const random = fractions();
  hub.faults.speed = SPEED;
  let came = 0;
  let grew = 0;
  let kills = 0;
  for (; kills < KILLS; kills++) {
    const [asked, sent] = [hub.asked.length, hub.sent];
    // From the first question on: also while little files come, and before any byte of the weights.
    const [questions, bytes] = kills % 5 === 0 ? [1 + Math.floor(random() * 12), 0] : [1, random() * MOST];
    const child = start();
    const ended = new Promise((resolve) => child.once('close', resolve));
    const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
    const isYoung = (): boolean => hub.asked.length - asked < questions || hub.sent - sent < bytes;
    while (!isOver() && isYoung() && hub.sent - sent < MOST) await sleep(2);
    assert.ok(!isOver(), 'it was still at it');
    child.kill('SIGKILL');
    await ended;
    const now = await fetchedBytes(part);
    assert.ok(now >= came, `attempt ${kills}: ${now} bytes are there, before ${came}`);
    if (now > came) grew++;
    came = now;
    assert.ok(!(await readdir(snapshot).catch(() => [] as string[])).includes('model.safetensors'), 'half a file is in no snapshot');
  }
  assert.ok(grew > KILLS / 3, `${grew} of ${KILLS} attempts brought something that stays`);

  delete hub.faults.speed;
  const last = start();
  assert.equal(await new Promise((resolve) => last.once('close', resolve)), 0, 'the last one gets there');
  assert.ok(hub.sent <= weights.length + KILLS * LOST, `${hub.sent} bytes were sent for ${weights.length}`);
  for (const name of await readdir(snapshot)) assert.ok((await readFile(join(snapshot, name))).equals(model[name]!), name);
  assert.ok((await readdir(snapshot)).includes('model.safetensors'));
  for (const kind of ['models--wish--wide-llama', 'datasets--wish--pairs']) {
    const blobs = await readdir(join(cache, kind, 'blobs'));
    assert.ok(
      blobs.every((name) => /^[0-9a-f]+$/.test(name)),
      `nothing is left beside the blobs: ${blobs.join()}`,
    );
  }
  // Nobody holds a lock for a process that is gone.
  assert.ok((await stat(join(cache, '.locks'))).isDirectory());
  await hub.close();
  const offline = spawn(process.execPath, [cli, 'plan', 'wish/pairs', '--model', 'wish/wide-llama'], { env, stdio: 'ignore' });
  assert.equal(await new Promise((resolve) => offline.once('close', resolve)), 0, 'from the cache');

  const python = process.env['WISHBONE_PYTHON'] ?? 'python3';
  const code =
    'from huggingface_hub import snapshot_download, hf_hub_download, scan_cache_dir\n' +
    `print(hf_hub_download("wish/wide-llama", "model.safetensors", local_files_only=True))\n` +
    `print(hf_hub_download("wish/pairs", "train.jsonl", repo_type="dataset", local_files_only=True))\n` +
    'print([str(warning) for warning in scan_cache_dir().warnings])';
  const answer = await promisify(execFile)(python, ['-c', code], { env: { ...env, HF_HUB_OFFLINE: '1' } }).catch((error: Error) => error);
  if (answer instanceof Error && /No module named|ENOENT/.test(answer.message)) {
    t.diagnostic('not read by huggingface_hub: WISHBONE_PYTHON names a Python that has it');
    return;
  }
  assert.ok(!(answer instanceof Error), String(answer));
  const [file = '', data = '', warnings] = answer.stdout.trim().split('\n');
  assert.equal(
    createHash('sha256')
      .update(await readFile(file))
      .digest('hex'),
    hash,
  );
  assert.equal(await readFile(data, 'utf8'), `${rows}\n`);
  assert.equal(warnings, '[]');
});
