import assert from 'node:assert/strict';
import { mkdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';

import { copyExample } from '../../../scripts/example.mjs';
import { configProblems, readConfigFile, resolveConfig } from '../../../src/core/config-file/index.js';
import { WishboneError } from '../../../src/core/errors.js';
import { EXAMPLE_CONFIG, exampleFiles, freshFolder, lookAtTarget, writeExample } from '../../../src/core/example/index.js';
import { obtainPlan } from '../../../src/core/prepare/index.js';
import { temporaryFolder } from '../run/support.js';

async function source(context: Parameters<typeof temporaryFolder>[0]): Promise<string> {
  const folder = path.join(await temporaryFolder(context), 'example');
  await copyExample(folder);
  return folder;
}

test('the example lands whole in a folder that is made for it, and a run of its config can be planned', async (context) => {
  const from = await source(context);
  const to = path.join(await temporaryFolder(context), 'new', 'place');
  assert.deepEqual(await lookAtTarget(from, to), { isEmpty: true, existing: [] });
  await writeExample(from, to);
  assert.deepEqual(await exampleFiles(to), await exampleFiles(from));
  for (const file of await exampleFiles(from)) {
    assert.ok((await readFile(path.join(from, file))).equals(await readFile(path.join(to, file))), file);
  }
  const file = path.join(to, EXAMPLE_CONFIG);
  assert.deepEqual(configProblems(await readFile(file, 'utf8'), file), []);
  const config = await readConfigFile(file);
  const { summary } = await obtainPlan({ dataset: config.dataset!, model: config.model!, ...resolveConfig(config) }, {}, { files: false });
  assert.ok(summary.pairs > 100 && summary.evalPairs > 5);
});

test('what is in the way is named before anything is written, and what else is there stays', async (context) => {
  const from = await source(context);
  const to = await temporaryFolder(context);
  await writeFile(path.join(to, 'mine.txt'), 'mine');
  assert.deepEqual(await lookAtTarget(from, to), { isEmpty: false, existing: [] });
  await writeFile(path.join(to, 'preferences.jsonl'), 'old');
  await mkdir(path.join(to, 'tiny-llama'));
  await writeFile(path.join(to, 'tiny-llama', 'config.json'), 'old');
  const { existing } = await lookAtTarget(from, to);
  assert.deepEqual(existing, ['preferences.jsonl', path.join('tiny-llama', 'config.json')]);
  await writeExample(from, to);
  assert.equal(await readFile(path.join(to, 'mine.txt'), 'utf8'), 'mine');
  assert.notEqual(await readFile(path.join(to, 'preferences.jsonl'), 'utf8'), 'old');
});

test('a link is replaced, and what it leads to stays as it was', async (context) => {
  const from = await source(context);
  const [to, elsewhere] = [await temporaryFolder(context), path.join(await temporaryFolder(context), 'precious')];
  await writeFile(elsewhere, 'precious');
  await symlink(elsewhere, path.join(to, 'preferences.jsonl'));
  assert.deepEqual((await lookAtTarget(from, to)).existing, ['preferences.jsonl']);
  await writeExample(from, to);
  assert.equal(await readFile(elsewhere, 'utf8'), 'precious');
  await assert.rejects(readlink(path.join(to, 'preferences.jsonl')));
});

test('folders that cannot be used are refused with what to do', async (context) => {
  const from = await source(context);
  const to = await temporaryFolder(context);
  await writeFile(path.join(to, 'file'), '');
  const refused = (what: RegExp) => (error: unknown) => error instanceof WishboneError && what.test(error.what) && error.advice !== '';
  await assert.rejects(lookAtTarget(from, path.join(to, 'file')), refused(/file with this name/));
  await writeFile(path.join(to, 'tiny-llama'), 'a file');
  await assert.rejects(writeExample(from, to), refused(/in the way/));
  await assert.rejects(exampleFiles(path.join(to, 'nowhere')), refused(/example project is missing/));
});

test('a new folder has a name that is free', async (context) => {
  const parent = await temporaryFolder(context);
  const first = await freshFolder(parent);
  assert.equal(path.basename(first), 'wishbone-example');
  await mkdir(first);
  assert.equal(path.basename(await freshFolder(parent)), 'wishbone-example-2');
});
