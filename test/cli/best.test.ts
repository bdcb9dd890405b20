// The best model by evaluation: always kept, and exported when it is asked for.

import assert from 'node:assert/strict';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readEvents } from '../../src/core/events/event-reader.js';
import { briefData, exampleModel, temporaryFolder, wishbone } from './support.js';

const base = ['--model', exampleModel, '--preset', 'quick', '--epochs', '4', '--batch-size', '8', '--learning-rate', '1e-3', '--json'];
const evaluated = ['--eval-steps', '1', '--save-steps', '3', '--save-total-limit', '1', '--save-final'];

async function train(...args: string[]): Promise<string> {
  const result = await wishbone('train', ...args);
  assert.equal(result.code, 0, `${args.join(' ')}: ${result.stderr}`);
  return (JSON.parse(result.stdout) as { folder: string }).folder;
}

/** Training pairs, and the same the other way round to evaluate on: what is learnt makes the evaluation worse. */
async function datasets(folder: string): Promise<string[]> {
  const rows = (await readFile(briefData(), 'utf8')).split('\n').slice(0, 16);
  const [train, other] = [join(folder, 'pairs.jsonl'), join(folder, 'swapped.jsonl')];
  await writeFile(train, rows.join('\n'));
  const swapped = rows.map((row) => {
    const { chosen, rejected, ...rest } = JSON.parse(row) as Record<string, unknown>;
    return JSON.stringify({ ...rest, chosen: rejected, rejected: chosen });
  });
  await writeFile(other, swapped.join('\n'));
  return [train, '--eval-dataset', other];
}

async function files(folder: string): Promise<string[]> {
  return (await readdir(folder)).sort();
}

for (const [what, method] of [
  ['all parameters', []],
  ['an adapter', ['--use-peft', '--lora-r', '4']],
  ['an adapter that is merged', ['--use-peft', '--lora-r', '4', '--merge-adapter']],
] as const) {
  test(`the best of a run that overfits is kept and exported: ${what}`, async (t) => {
    const folder = await temporaryFolder(t);
    const data = await datasets(folder);
    const run = await train(...data, ...base, ...evaluated, ...method, '--runs', join(folder, 'runs'));
    const evals = (await readEvents(run)).flatMap((event) => (event.type === 'eval' ? [event] : []));
    const best = evals.filter((event) => event.best).at(-1)!;
    const last = evals.at(-1)!;
    assert.ok(best.step < last.step && last.eval_loss! > best.eval_loss! + 0.01, 'it overfits');
    const name = (step: number): string => `step-${String(step).padStart(6, '0')}`;
    // One whole checkpoint, as save_total_limit says, and the weights of the best.
    assert.deepEqual(await files(join(run, 'checkpoints')), [name(best.step), name(last.step)]);
    assert.deepEqual(await files(join(run, 'checkpoints', name(best.step))), ['model.safetensors', 'state.json']);

    const exported = await wishbone('export', run, '--json');
    assert.equal(exported.code, 0, exported.stderr);
    const out = join(run, 'exports', name(best.step));
    assert.deepEqual(JSON.parse(exported.stdout), { export: out });
    // The same run that is told from the start to end with its best writes the same files.
    const other = await train(...data, ...base, ...evaluated, ...method, '--load-best-model-at-end', '--runs', join(folder, 'other'));
    const wanted = await files(join(other, 'export'));
    assert.deepEqual(await files(out), wanted);
    for (const file of wanted.filter((each) => each !== 'README.md')) {
      assert.ok((await readFile(join(out, file))).equals(await readFile(join(other, 'export', file))), file);
    }
    assert.match(await readFile(join(out, 'README.md'), 'utf8'), new RegExp(`in ${best.step} steps`));
    // There it is the export already.
    const there = await wishbone('export', other);
    assert.equal(there.stdout.trim(), join(other, 'export'));

    // Another checkpoint by its step: the last one is what the run exported.
    const ofLast = await wishbone('export', run, '--step', String(last.step));
    assert.equal(ofLast.stdout.trim(), join(run, 'exports', name(last.step)), ofLast.stderr);
    const weights = wanted.find((each) => each.endsWith('.safetensors'))!;
    assert.ok((await readFile(join(ofLast.stdout.trim(), weights))).equals(await readFile(join(run, 'export', weights))));
  });
}

test('what cannot be exported is said with what to do', async (t) => {
  const folder = await temporaryFolder(t);
  const [data, ...evalData] = await datasets(folder);
  const plain = await train(data!, ...base, '--epochs', '1', '--runs', join(folder, 'plain'));
  const none = await wishbone('export', plain);
  assert.equal(none.code, 3);
  assert.match(none.stderr, /no evaluation, so no model is the best[\s\S]*eval_steps/);
  const gone = await wishbone('export', plain, '--step', '1');
  assert.equal(gone.code, 3);
  assert.match(gone.stderr, /no checkpoint of step 1[\s\S]*checkpoints\/step-000001\/model\.safetensors/);
  assert.deepEqual(await files(plain).then((all) => all.filter((each) => each === 'exports')), []);
  assert.equal((await wishbone('export', folder)).code, 3, 'no run');

  const run = await train(data!, ...evalData, ...base, ...evaluated, '--runs', join(folder, 'runs'));
  const [best] = await files(join(run, 'checkpoints'));
  await rm(join(run, 'checkpoints', best!), { recursive: true });
  assert.match((await wishbone('export', run)).stderr, /no checkpoint of step/);
});
