// Why chosen responses became less likely: of a real run, by its record and by asking its models for every token.

import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readSafetensors } from '../../src/core/files/safetensors.js';
import type { WhyAnswer } from '../../src/core/why/index.js';
import { floats } from './numbers.js';
import { assertOneError } from './one-error.js';
import { exampleData, exampleModel, runnerCommand, temporaryFolder, wishbone } from './support.js';

const closeTo = (actual: number, expected: number, within: number): void =>
  assert.ok(Math.abs(actual - expected) <= within, `${actual} is not ${expected}`);

test('the log-probabilities of tokens add up to those of sequences, whatever is shared', async (t) => {
  const folder = await temporaryFolder(t);
  for (const sharing of ['none', 'pair', 'tree']) {
    const plan = join(folder, `${sharing}.safetensors`);
    const planned = await wishbone('plan', exampleData, '--model', exampleModel, '--sharing', sharing, '--batch-size', '12', '--out', plan);
    assert.equal(planned.code, 0, planned.stderr);
    const out = join(folder, `${sharing}.logps`);
    const asked = await runnerCommand('logps', exampleModel, plan, '--per-token', '--out', out);
    assert.equal(asked.code, 0, asked.stderr);
    const file = await readSafetensors(out);
    const [sequences, targets] = [floats(file, 'logps'), floats(file, 'target_logps')];
    const owner = (await readSafetensors(plan)).tensors.get('target_sequence')!.data as Int32Array;
    assert.equal(targets.length, owner.length);
    const sums = new Float64Array(sequences.length);
    owner.forEach((sequence, target) => (sums[sequence]! += targets[target]!));
    sums.forEach((sum, sequence) => closeTo(sum, sequences[sequence]!, 1e-4));
  }
});

test('a run whose chosen responses fell: by its record, by its tokens, and what helps', async (t) => {
  const folder = await temporaryFolder(t);
  const options = ['--model', exampleModel, '--batch-size', '8', '--epochs', '2', '--learning-rate', '1e-3', '--export-dtype', 'float32'];
  const more = ['--eval-fraction', '0.3', '--eval-steps', '4', '--runs', folder, '--json'];
  const trained = await wishbone('train', exampleData, ...options, ...more);
  assert.equal(trained.code, 0, trained.stderr);
  const run = (JSON.parse(trained.stdout) as { folder: string }).folder;
  const asked = await wishbone('why', run, '--tokens', '100', '--json');
  assert.equal(asked.code, 0, asked.stderr);
  const answer = JSON.parse(asked.stdout) as WhyAnswer;
  assert.deepEqual([answer.of, answer.start, answer.verdict, answer.evaluates], ['evaluation', 'reference', 'fell', true]);
  assert.equal(answer.chosen!.n, 36);
  // The models themselves say what the record says: the trained one is that of the last evaluation.
  const tokens = answer.tokens!;
  assert.equal(tokens.pairs, 36);
  closeTo(tokens.chosen, answer.chosen!.mean, 1e-3 * Math.abs(answer.chosen!.mean));
  closeTo(tokens.rejected, answer.rejected!.mean, 1e-3 * Math.abs(answer.rejected!.mean));
  assert.deepEqual(
    tokens.parts.map(({ by }) => by),
    ['position', 'difference', 'shared', 'class'],
  );
  for (const { groups, of } of [...answer.parts, ...tokens.parts]) {
    closeTo(
      groups.reduce((sum, { part }) => sum + part, 0),
      1,
      1e-6,
    );
    const all = of === 'pairs' ? 36 : tokens.tokens;
    assert.equal(
      groups.reduce((sum, { chosen }) => sum + chosen.n, 0),
      all,
    );
  }
  // One token ends each response.
  assert.equal(tokens.parts.find(({ by }) => by === 'class')!.groups.find(({ label }) => label === 'end of text')!.chosen.n, 36);
  assert.match(answer.patterns[0]!.what, /^Both responses became less likely/);
  const sft = answer.remedies.find(({ name }) => name === 'sft')!;
  assert.deepEqual(
    sft.changes.map(({ option, before, after }) => [option, before, after]),
    [
      ['loss_type', 'sigmoid', ['sigmoid', 'sft']],
      ['loss_weights', [], [1, 1]],
    ],
  );

  const text = await wishbone('why', run);
  assert.equal(text.code, 0, text.stderr);
  assert.match(text.stdout, /Chosen responses became less likely: −\d+\.\d\d nats a pair \(95 %: −[\d.]+ to −[\d.]+, n = 36\)/);
  assert.match(text.stdout, /^By overlap with the rejected response +pairs +chosen/m);
  assert.match(text.stdout, /^ {3}loss_type: "sigmoid" -> \["sigmoid","sft"\]$/m);
  assert.match(text.stdout, /--tokens looks at positions/);
  const train = JSON.parse((await wishbone('why', run, '--of', 'train', '--json')).stdout) as WhyAnswer;
  assert.equal(train.of, 'train');
  assert.equal(train.tokens, undefined);

  await rm(join(run, 'export'), { recursive: true });
  await rm(join(run, 'checkpoints'), { recursive: true });
  assertOneError((await wishbone('why', run, '--tokens')).stderr, [/the run has no trained model yet/]);
  await rm(join(run, 'pairs.bin'));
  assertOneError((await wishbone('why', run)).stderr, [/the run has no record of its pairs/, /pairs\.bin/]);
});
