// Losses, evaluation and resume through the command line.

import assert from 'node:assert/strict';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { LOSS_TYPES } from '../../src/core/options/index.js';
import { readEvents } from '../../src/core/events/event-reader.js';
import type { RunEvent } from '../../src/core/events/events.js';
import { briefData, exampleModel, repository, runnerCommand, temporaryFolder, wishbone } from './support.js';

/** The first pairs of the example data: enough for a few steps. */
async function fewPairs(folder: string): Promise<string> {
  const file = join(folder, 'few.jsonl');
  await writeFile(file, (await readFile(briefData(), 'utf8')).split('\n').slice(0, 16).join('\n'));
  return file;
}

const base = ['--model', exampleModel, '--preset', 'quick', '--epochs', '1', '--batch-size', '8', '--json'];

async function train(data: string, runs: string, ...options: string[]): Promise<string> {
  const result = await wishbone('train', data, ...base, '--runs', runs, ...options);
  assert.equal(result.code, 0, `${options.join(' ')}: ${result.stderr}`);
  return (JSON.parse(result.stdout) as { folder: string }).folder;
}

async function losses(folder: string): Promise<number[]> {
  return (await readEvents(folder)).flatMap((event) => (event.type === 'step' ? [event.loss ?? NaN] : []));
}

test('several losses together: sharing pair and tree train as naive does, bins however divided', async (t: TestContext) => {
  const folder = await temporaryFolder(t);
  const data = await fewPairs(folder);
  const mixtures = [
    ['--loss-type', 'aot,sft,sigmoid_norm', '--label-smoothing', '0.1', '--ld-alpha', '0.5'],
    ['--loss-type', 'sigmoid,bco_pair', '--loss-weights', '0.8,0.2', '--use-weighting'],
    ['--loss-type', 'orpo', '--reference', 'in_step'],
  ];
  for (const [index, mixture] of mixtures.entries()) {
    const curves: number[][] = [];
    for (const sharing of ['none', 'pair', 'tree'])
      curves.push(
        await losses(await train(data, join(folder, `${index}${sharing}`), '--sharing', sharing, '--capacity', '2048', ...mixture)),
      );
    for (const curve of curves.slice(1))
      curve.forEach((loss, step) => assert.ok(Math.abs(loss - curves[0]![step]!) <= 1e-4 * Math.max(1, Math.abs(loss)), `${loss}`));
  }
});

test('evaluation: events, the best model exported, early stopping; a resumed run ends the same', async (t: TestContext) => {
  const folder = await temporaryFolder(t);
  const data = await fewPairs(folder);
  const options = [
    '--eval-dataset',
    data,
    '--eval-steps',
    '2',
    '--epochs',
    '4',
    '--save-steps',
    '3',
    '--save-total-limit',
    '0',
    '--load-best-model-at-end',
    '--early-stopping-patience',
    '2',
    '--early-stopping-threshold',
    '10',
    '--sync-ref-model',
    '--ref-model-sync-steps',
    '2',
    '--reference',
    'in_step',
    '--sft-steps',
    '1',
  ];
  const run = await train(data, join(folder, 'runs'), ...options);
  const events = await readEvents(run);
  const evals = events.filter((event) => event.type === 'eval');
  assert.deepEqual(
    evals.map(({ step }) => step),
    [2, 4, 6],
  );
  assert.ok(evals.every((event) => Number.isFinite(event.eval_loss)));
  assert.equal(events.filter((event) => event.type === 'step').length, 6, 'stopped early');
  await namedInDocs(events);
  const exported = await readFile(join(run, 'export/model.safetensors'));

  const again = join(folder, 'again');
  await cp(run, again, { recursive: true });
  for (const step of ['step-000004', 'step-000006']) await rm(join(again, 'checkpoints', step), { recursive: true, force: true });
  const resumed = await runnerCommand('train', again, '--resume');
  assert.equal(resumed.code, 0, resumed.stderr);
  assert.ok(exported.equals(await readFile(join(again, 'export/model.safetensors'))), 'the same weights');
  const after = (await readEvents(again)).filter((event) => event.type === 'eval');
  assert.equal(after.at(-1)?.step, 6);
});

/** docs/metrics.md says of every field of a step or an evaluation what it is. */
async function namedInDocs(events: readonly RunEvent[]): Promise<void> {
  const docs = await readFile(join(repository, 'docs/metrics.md'), 'utf8');
  const fields = new Set(events.flatMap((event) => (event.type === 'step' || event.type === 'eval' ? Object.keys(event) : [])));
  for (const field of fields) {
    if (['seq', 'time', 'type'].includes(field)) continue;
    assert.ok(docs.includes(`\`${field.replace(/^eval_/, '')}\``), field);
  }
}

test('every loss trains from the command line', async (t: TestContext) => {
  const folder = await temporaryFolder(t);
  const data = await fewPairs(folder);
  for (const loss of LOSS_TYPES) {
    const smoothing = loss === 'exo_pair' ? ['--label-smoothing', '0.001'] : [];
    const curve = await losses(await train(data, join(folder, loss), '--loss-type', loss, ...smoothing));
    assert.ok(curve.length > 0 && curve.every(Number.isFinite), loss);
  }
});

test('contradictory options are refused before any work', async (t: TestContext) => {
  const folder = await temporaryFolder(t);
  for (const [options, where] of [
    [['--loss-type', 'simpo', '--sync-ref-model'], 'training.sync_ref_model'],
    [['--loss-type', 'exo_pair'], 'training.label_smoothing'],
    [['--eval-steps', '5'], 'training.eval_steps'],
  ] as const) {
    const result = await wishbone('train', briefData(), ...base, '--runs', folder, ...options);
    assert.equal(result.code, 3);
    assert.ok(result.stderr.includes(`at: ${where}`), result.stderr);
  }
});
