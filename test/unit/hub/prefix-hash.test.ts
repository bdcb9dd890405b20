import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { open, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { PrefixHash } from '../../../src/core/download/prefix-hash.js';
import { Extents } from '../../../src/core/download/extents.js';
import { temporaryFolder } from '../run/support.js';
import { begin, fetchModel, MODEL } from './support.js';

const SIZE = 20 << 20;
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

test('a file is hashed while it comes, in any order of its parts, as if it had been read at the end', async (context) => {
  const file = path.join(await temporaryFolder(context), 'file');
  const bytes = randomBytes(SIZE + 12_345);
  await writeFile(file, '');
  const handle = await open(file, 'r+');
  const extents = new Extents();
  const hash = new PrefixHash(file, 'sha256', bytes.length);
  const git = new PrefixHash(file, 'git-sha1', bytes.length);
  const part = SIZE / 10;
  for (const at of [2, 0, 5, 1, 4, 3, 9, 8, 7, 6, 10]) {
    const [from, to] = [at * part, Math.min((at + 1) * part, bytes.length)];
    await handle.write(bytes, from, to - from, from);
    extents.add([from, to]);
    hash.reach(extents.prefix);
    git.reach(extents.prefix);
  }
  await handle.close();
  assert.equal(extents.prefix, bytes.length);
  const told: number[] = [];
  assert.equal(await hash.digest({ onProgress: ({ done }) => told.push(done) }), sha256(bytes));
  assert.ok(told.every((done) => done <= bytes.length));
  assert.equal(await git.digest({}), createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex'));
  await Promise.all([hash.close(), git.close()]);
});

test('one that ends early, or is given up, gives no hash', async (context) => {
  const file = path.join(await temporaryFolder(context), 'file');
  await writeFile(file, randomBytes(1000));
  const short = new PrefixHash(file, 'sha256', 2000);
  await assert.rejects(short.digest({}), /ends early/);
  const gone = new PrefixHash(path.join(file, 'nowhere'), 'sha256', 1000);
  await assert.rejects(gone.digest({}));
  const given = new PrefixHash(file, 'sha256', 1000);
  const abort = new AbortController();
  abort.abort(new Error('given up'));
  await assert.rejects(given.digest({ signal: abort.signal }), /given up/);
  await Promise.all([short.close(), gone.close(), given.close()]);
});

test('nothing but the right bytes becomes a file of the cache: wrong ones, cut ones, and a server that knows no parts', async (context) => {
  const weights = randomBytes(SIZE);
  const { hub, settings } = await begin(context, [{ ...MODEL, files: { ...MODEL.files, 'model.safetensors': weights } }]);
  hub.faults.wrongBytes = true;
  await assert.rejects(fetchModel(settings, 'wish/tiny-llama'), /not what was promised: its hash begins with/);
  hub.faults.wrongBytes = false;
  // What came of an attempt that was given up is hashed again from the file, but not where all of it is sent anew.
  const abort = new AbortController();
  const stop = ({ done }: { done: number }): void => {
    if (done > SIZE / 2) abort.abort(new Error('given up'));
  };
  hub.faults.speed = 40 << 20;
  await assert.rejects(fetchModel(settings, 'wish/tiny-llama', { signal: abort.signal, onProgress: stop }), /given up/);
  delete hub.faults.speed;
  hub.faults.ignoresRanges = true;
  const { folder } = await fetchModel(settings, 'wish/tiny-llama');
  assert.equal(sha256(await readFile(path.join(folder, 'model.safetensors'))), sha256(weights));
});
