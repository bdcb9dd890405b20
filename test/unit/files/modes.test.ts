// Who may read the files that are written: texts of datasets are their owner's alone.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { writeCleanedCopy } from '../../../src/core/checks/index.js';
import { SHARED_FILE, writeFileAtomically } from '../../../src/core/files/atomic-file.js';
import { DiskCache } from '../../../src/core/files/disk-cache.js';
import { copied } from '../../../src/core/files/share-file.js';
import { createRunFolder } from '../../../src/core/run/index.js';
import { exampleConfig } from '../run/support.js';

let folder: string;
let umask: number;
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'wishbone-modes-'));
  umask = process.umask(0o022);
});
after(async () => {
  process.umask(umask);
  await rm(folder, { recursive: true, force: true });
});

const mode = async (file: string): Promise<string> => ((await stat(file)).mode & 0o777).toString(8);

test('a file that is written whole is its owner’s, unless it is made to be handed on', async () => {
  const file = path.join(folder, 'a');
  await writeFileAtomically(file, (handle) => handle.writeFile('a'));
  assert.equal(await mode(file), '600');
  await writeFileAtomically(file, (handle) => handle.writeFile('b'), SHARED_FILE);
  assert.equal(await mode(file), '644', 'as the umask allows');
});

test('a copy of a file that anybody may read is its owner’s', async () => {
  const [from, to] = [path.join(folder, 'from'), path.join(folder, 'to')];
  await writeFile(from, 'tokens', { mode: 0o644 });
  await copied(from, to);
  assert.equal(await readFile(to, 'utf8'), 'tokens');
  assert.equal(await mode(to), '600');
});

test('the cache and its folders are their owner’s', async () => {
  const cache = new DiskCache(path.join(folder, 'cache'), 1e9);
  await cache.put('tokens', 'k', 'bin', (file) => writeFileAtomically(file, (handle) => handle.writeFile('t')));
  const file = cache.file('tokens', 'k', 'bin');
  assert.equal(await mode(file), '600');
  assert.deepEqual([await mode(path.dirname(file)), await mode(cache.folder)], ['700', '700']);
});

test('a run’s config and plan are their owner’s', async () => {
  const run = await createRunFolder(path.join(folder, 'runs'), exampleConfig(), (file) =>
    writeFileAtomically(file, (handle) => handle.writeFile('plan')),
  );
  assert.equal(await mode(path.join(run, 'run.json')), '600');
  assert.equal(await mode(path.join(run, 'plan.safetensors')), '600');
});

test('a cleaned copy is as private as the dataset it is of', async () => {
  for (const [name, bits] of [
    ['open', 0o644],
    ['closed', 0o600],
  ] as const) {
    const file = path.join(folder, `${name}.jsonl`);
    await writeFile(file, '{"prompt":"a","chosen":"b","rejected":"c"}\n{"prompt":"a","chosen":1}\n', { mode: bits });
    const { copy, rejected } = await writeCleanedCopy(file, [1]);
    assert.deepEqual([await mode(copy), await mode(rejected)], [bits.toString(8), bits.toString(8)]);
  }
});
