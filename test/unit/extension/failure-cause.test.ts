import assert from 'node:assert/strict';
import { rename, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';

import { mayEndOtherwise } from '../../../src/extension/runs/failure-cause.js';
import { temporaryFolder } from '../run/support.js';

const at = (offset: number): string => new Date(Date.now() + offset).toISOString();

test('a file at fault is at fault until it was touched, or came to be', async (context) => {
  const folder = await temporaryFolder(context);
  const file = path.join(folder, 'model.safetensors');
  const failed = (where: string, offset: number) => mayEndOtherwise({ exitCode: 3, where, time: at(offset) });
  assert.equal(await failed(file, 0), false, 'it is still missing');
  const elsewhere = path.join(folder, 'kept');
  await writeFile(elsewhere, 'x');
  await utimes(elsewhere, 1000, 1000);
  await rename(elsewhere, file);
  assert.equal(await failed(file, -5000), true, 'an old file that was moved here is new here');
  assert.equal(await failed(`${file}, tensor "lm_head.weight"`, -5000), true);
  assert.equal(await failed(`${file}, tensor "lm_head.weight"`, 5000), false, 'it was there when the run failed');
  assert.equal(await failed('step 12', -5000), false, 'a loss that is no number will be none again');
});

test('settings that wanted too much memory want it again; disks are emptied', async () => {
  const failed = (exitCode: number) => mayEndOtherwise({ exitCode, where: 'x', time: at(-1000) });
  assert.deepEqual(await Promise.all([4, 5, 70].map(failed)), [false, true, true]);
});

test('a GPU that was set up since is another cause', async (context) => {
  const library = path.join(await temporaryFolder(context), 'libcublasLt.so.13');
  const before = process.env['WISHBONE_CUBLASLT'];
  context.after(() => (before === undefined ? delete process.env['WISHBONE_CUBLASLT'] : (process.env['WISHBONE_CUBLASLT'] = before)));
  process.env['WISHBONE_CUBLASLT'] = library;
  const failed = { exitCode: 3, where: 'cuda backend', time: at(-5000) };
  assert.equal(await mayEndOtherwise(failed), false);
  await writeFile(library, '');
  assert.equal(await mayEndOtherwise(failed), true);
});
