import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { compareFolders } from './compare-folders.js';

// Written by scripts/fixtures/tokenizer_folders.py: folders of the supported families and others, with every class that
// their tokenizer_config.json may name, and the settings and files that change what a class makes of tokenizer.json.
test('model folders are read as AutoTokenizer reads them', async () => {
  const result = await compareFolders(path.join(import.meta.dirname, 'fixture/folders.json.gz'));
  assert.deepEqual(result.different, []);
  assert.ok(result.folders > 1400 && result.equal > 23_000 && result.decoded > 11_000, JSON.stringify(result));
  for (const why of result.refused.keys()) assert.match(why, /is built on|builds a different tokenizer from it/);
});
