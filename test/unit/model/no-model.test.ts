import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { WishboneError } from '../../../src/core/errors.js';
import { inspectModel } from '../../../src/core/model/index.js';

test('a folder that is no model says what it is instead', async (t) => {
  const root = await mkdtemp(path.join(tmpdir(), 'wishbone-no-model-'));
  t.after(() => rm(root, { recursive: true }));
  const cases: readonly (readonly [name: string, holds: string, what: RegExp, advice: RegExp])[] = [
    ['adapter', 'adapter_config.json', /an adapter, not a model/, /adapter_name_or_path/],
    ['run', 'run.json', /a run, not a model/, /run\/export$/],
    ['models--org--the--name', 'snapshots/main/config.json', /cache of the Hugging Face hub/, /^give org\/the--name, or .*snapshots$/],
    ['step-000004', 'optimizer.safetensors', /checkpoint of a run/, /wishbone export/],
    ['empty', 'notes.txt', /has no config\.json/, /Hugging Face model folder/],
  ];
  for (const [name, holds, what, advice] of cases) {
    const file = path.join(root, name, holds);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, '{}');
    await assert.rejects(inspectModel(path.join(root, name)), (error) => {
      assert.ok(error instanceof WishboneError);
      assert.match(error.what, what);
      assert.match(error.advice, advice);
      return true;
    });
  }
});
