import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { anyLoss, LOSS_TYPES, lossesWith, lossRow } from '../../../src/core/options/index.js';

const repository = path.resolve(import.meta.dirname, '../../..');

test('docs/methods.md has every loss', () => {
  const docs = readFileSync(path.join(repository, 'docs/methods.md'), 'utf8');
  for (const name of LOSS_TYPES) assert.ok(docs.includes(`\`${name}\``), name);
});

test('a name that is no loss has no row', () => {
  for (const name of ['', 'dpo', 'constructor', '__proto__']) assert.equal(lossRow(name), undefined, name);
  assert.ok(!anyLoss(['dpo', 'orpo'], 'reference'));
  assert.ok(lossesWith('reference').includes('sigmoid'));
});
