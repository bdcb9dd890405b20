import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { anyLoss, LOSS_TYPES, LOSSES, lossesWith, lossRow } from '../../../src/core/options/index.js';

const repository = path.resolve(import.meta.dirname, '../../..');

test("the losses are the runner's: the same names in the same order, with the same traits", () => {
  const source = readFileSync(path.join(repository, 'native-runner/src/train/loss/losses.cpp'), 'utf8');
  const table = source.slice(source.indexOf('constexpr Loss table[]'), source.indexOf('};', source.indexOf('constexpr Loss table[]')));
  const rows = [...table.matchAll(/\{"(\w+)",\s+([\w|\s]+),\s+\w+\}/g)].map(([, name, traits]) => {
    const has = new Set(traits!.split('|').map((trait) => trait.trim()));
    const of = (trait: string): boolean => has.has(trait);
    return {
      name,
      reference: of('reference'),
      labelSmoothing: of('label_smoothing'),
      divergence: of('divergence'),
      weighting: of('weighting'),
    };
  });
  const ours = LOSS_TYPES.map((name) => {
    const { reference, labelSmoothing, divergence, weighting } = LOSSES[name];
    return { name, reference, labelSmoothing, divergence, weighting };
  });
  assert.deepEqual(rows, ours);
});

test('docs/methods.md has every loss', () => {
  const docs = readFileSync(path.join(repository, 'docs/methods.md'), 'utf8');
  for (const name of LOSS_TYPES) assert.ok(docs.includes(`\`${name}\``), name);
});

test('a name that is no loss has no row', () => {
  for (const name of ['', 'dpo', 'constructor', '__proto__']) assert.equal(lossRow(name), undefined, name);
  assert.ok(!anyLoss(['dpo', 'orpo'], 'reference'));
  assert.ok(lossesWith('reference').includes('sigmoid'));
});
