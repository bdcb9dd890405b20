import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { WishboneError } from '../../../src/core/errors.js';
import { readComparisonNotes, writeComparisonNotes } from '../../../src/core/run/index.js';
import { temporaryFolder } from './support.js';

test('notes are of the same runs in any order, and of no others', async (t) => {
  const runs = path.join(await temporaryFolder(t), '.wishbone/runs');
  await mkdir(runs, { recursive: true });
  const of = (...names: string[]): string[] => names.map((name) => path.join(runs, name));
  assert.equal(await readComparisonNotes(of('a', 'b')), '');
  await writeComparisonNotes(of('b', 'a'), 'a is **better**');
  await writeComparisonNotes(of('a', 'b', 'c'), 'all three');
  assert.equal(await readComparisonNotes(of('a', 'b')), 'a is **better**');
  assert.equal(await readComparisonNotes(of('c', 'a', 'b')), 'all three');
  assert.equal(await readComparisonNotes(of('a', 'c')), '');
  await writeComparisonNotes(of('a', 'b'), '  ');
  const file = path.join(runs, '../comparisons.json');
  assert.deepEqual(JSON.parse(await readFile(file, 'utf8')), {
    format: 'wishbone-comparisons',
    version: 1,
    comparisons: [{ runs: ['a', 'b', 'c'], notes: 'all three' }],
  });
  await assert.rejects(writeComparisonNotes(of('a', 'b'), 'x'.repeat(20_001)), WishboneError);
  for (const damaged of ['{', '[]', 'null', '{"comparisons":[1,{"runs":[2],"notes":""},{"runs":["a","b"]}]}']) {
    await writeFile(file, damaged);
    assert.equal(await readComparisonNotes(of('a', 'b')), '');
  }
});
