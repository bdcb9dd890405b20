// What is said of a run that is evaluated on what it trains on, and of one whose model is gone.

import assert from 'node:assert/strict';
import { copyFile, cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertOneError } from './one-error.js';
import { briefData, exampleModel, temporaryFolder, wishbone } from './support.js';

test('evaluating on the pairs that are trained on is told by plan, train, why and judge', async (t) => {
  const folder = await temporaryFolder(t);
  const [data, same, model] = [join(folder, 'pairs.jsonl'), join(folder, 'same.jsonl'), join(folder, 'model')];
  await copyFile(briefData(), data);
  await copyFile(data, same);
  await cp(exampleModel, model, { recursive: true });
  const warning = /warning: "same\.jsonl" is evaluated on and the same as "pairs\.jsonl", which is trained on/;
  const plan = ['plan', data, '--model', model];
  assert.match((await wishbone(...plan, '--eval-dataset', same)).stdout, warning);
  assert.match(
    (await wishbone(...plan, '--eval-dataset', data, '--json')).stderr,
    /warning: "pairs\.jsonl" is trained on and evaluated on/,
  );
  const held = await wishbone(...plan, '--eval-fraction', '0.1');
  assert.doesNotMatch(held.stdout + held.stderr, /warning/);

  const few = ['--max-steps', '2', '--batch-size', '4', '--eval-steps', '2', '--json', '--runs'];
  const trained = await wishbone('train', data, '--model', model, '--eval-dataset', same, ...few, join(folder, 'same'));
  assert.equal(trained.code, 0, trained.stderr);
  assert.match(trained.stderr, warning);
  const { folder: run } = JSON.parse(trained.stdout) as { folder: string };
  const other = await wishbone('train', data, '--model', model, '--eval-fraction', '0.2', ...few, join(folder, 'held'));
  const { folder: good } = JSON.parse(other.stdout) as { folder: string };
  assert.match((await wishbone('why', run)).stdout, /Pairs that the run evaluates, and trains on too/);
  assert.match((await wishbone('why', good)).stdout, /Pairs that the run evaluates and does not train on/);
  const judge = ['--rule', 'longer', '--count', '2', '--max-new-tokens', '2', '--dry-run'];
  assert.match((await wishbone('judge', run, ...judge)).stdout, /^note +the run was trained on these prompts$/m);
  assert.doesNotMatch((await wishbone('judge', good, ...judge)).stdout, /trained on these/);

  // A folder that was moved: the run names a model that is no longer there.
  await rm(model, { recursive: true });
  const gone = await wishbone('judge', run, ...judge);
  assert.equal(gone.code, 3, gone.stderr);
  assertOneError(gone.stderr, [/no such model folder/, /model$/m]);
});
