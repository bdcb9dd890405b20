import assert from 'node:assert/strict';
import { readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertOneError } from './one-error.js';
import { briefData, exampleModel, temporaryFolder, wishbone } from './support.js';

const options = ['--model', exampleModel, '--preset', 'quick', '--batch-size', '8', '--eval-fraction', '0.2', '--eval-steps', '4'];

interface Event {
  readonly type: string;
  readonly step: number;
  readonly eval_loss: number;
  readonly 'eval_rewards/margins': number;
  readonly 'eval_rewards/accuracies': number;
}

interface Listing {
  readonly seen: number;
  readonly found: number;
  readonly pairs: readonly { readonly row: number; readonly now: number; readonly loss: number; readonly seen: number }[];
}

test('the pairs of a run: as its events say, and the same after a resume', async (t) => {
  const folder = await temporaryFolder(t);
  const trained = await wishbone('train', briefData(), ...options, '--epochs', '2', '--save-steps', '5', '--runs', folder, '--json');
  assert.equal(trained.code, 0, trained.stderr);
  const run = (JSON.parse(trained.stdout) as { folder: string }).folder;
  const list = async (...more: string[]): Promise<Listing> => {
    const listed = await wishbone('pairs', run, '--json', ...more);
    assert.equal(listed.code, 0, listed.stderr);
    return JSON.parse(listed.stdout) as Listing;
  };
  const events = (await readFile(join(run, 'events.jsonl'), 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Event);

  const evaluated = await list('--of', 'evaluation', '--top', '0');
  const last = events.filter(({ type }) => type === 'eval').at(-1)!;
  assert.equal(evaluated.pairs.length, 24);
  const mean = (of: (pair: Listing['pairs'][number]) => number): number => evaluated.pairs.reduce((sum, pair) => sum + of(pair), 0) / 24;
  assert.ok(Math.abs(mean(({ loss }) => loss) - last.eval_loss) < 1e-6);
  assert.ok(Math.abs(mean(({ now }) => now) - last['eval_rewards/margins']) < 1e-6);
  assert.equal(
    mean(({ now }) => (now > 0 ? 1 : 0)),
    last['eval_rewards/accuracies'],
  );

  const pairs = await list('--top', '0');
  assert.equal(pairs.seen, 96);
  assert.ok(pairs.pairs.every(({ seen }) => seen === 2));
  assert.equal(new Set(pairs.pairs.map(({ row }) => row)).size, 96);

  const view = await wishbone('pairs', run, '--view', 'mislabelled', '--top', '3');
  assert.equal(view.code, 0, view.stderr);
  assert.match(view.stdout, /^Probably mislabelled: \d+ of 96 pairs trained on in /);
  const text = await wishbone('pairs', run, '--sort', 'margin', '--top', '3');
  assert.equal(text.code, 0, text.stderr);
  assert.match(text.stdout, /^93 more: --top 0 lists all$/m);
  assert.match(text.stdout, /preferences\.jsonl:\d+ +-?\d\.\d{3}/);

  // What was recorded after the checkpoint of step 15, or lost on the way to the disk, is there once.
  const record = join(run, 'pairs.bin');
  const whole = await readFile(record);
  const weights = await readFile(join(run, 'export/model.safetensors'));
  for (const lost of [0, 700]) {
    await truncate(record, (await stat(record)).size - lost);
    await writeFile(
      join(run, 'events.jsonl'),
      events
        .filter(({ type, step }) => type !== 'finished' && !(step > 20))
        .map((event) => `${JSON.stringify(event)}\n`)
        .join(''),
    );
    const resumed = await wishbone('train', '--resume', run, '--json');
    assert.equal(resumed.code, 0, resumed.stderr);
    assert.ok(whole.equals(await readFile(record)), `cut by ${lost}`);
    assert.ok(weights.equals(await readFile(join(run, 'export/model.safetensors'))));
  }

  // Cut off in the middle: what is before it is read.
  await writeFile(record, whole.subarray(0, Math.floor(0.7 * whole.length)));
  const less = await list('--top', '0');
  assert.ok(less.seen > 0 && less.pairs.some(({ seen }) => seen === 1));
  await writeFile(record, 'something else');
  assertOneError((await wishbone('pairs', run)).stderr, [/no record of pairs, or it is damaged/, /pairs\.bin/]);
  await rm(record);
  assertOneError((await wishbone('pairs', run)).stderr, [/the run has no record of its pairs/, /pairs\.bin/]);
});

test('pairs of a run that does not evaluate', async (t) => {
  const folder = await temporaryFolder(t);
  const trained = await wishbone('train', briefData(), '--model', exampleModel, '--preset', 'quick', '--max-steps', '2', '--runs', folder);
  assert.equal(trained.code, 0, trained.stderr);
  assertOneError((await wishbone('pairs', 'latest', '--runs', folder, '--of', 'evaluation')).stderr, [/the run does not evaluate/]);
  const listed = await wishbone('pairs', 'latest', '--runs', folder);
  assert.match(listed.stdout, /pairs trained on in/);
  assertOneError((await wishbone('pairs', 'latest', '--runs', folder, '--top', 'many')).stderr, [/whole number/]);
});

test('compare: pair by pair, and over seeds', async (t) => {
  const folder = await temporaryFolder(t);
  const train = async (name: string, ...more: string[]): Promise<void> => {
    const few = ['--max-steps', '3', '--eval-fraction', '0.3', '--eval-steps', '3', '--batch-size', '8'];
    const trained = await wishbone('train', briefData(), '--model', exampleModel, ...few, '--runs', folder, '--name', name, ...more);
    assert.equal(trained.code, 0, trained.stderr);
  };
  await train('slow', '--learning-rate', '1e-6');
  await train('fast', '--learning-rate', '1e-3', '--warmup-ratio', '0');
  await train('again', '--learning-rate', '1e-6', '--seed', '7');
  const compared = await wishbone('compare', 'slow', 'fast', 'again', '--runs', folder);
  assert.equal(compared.code, 0, compared.stderr);
  assert.match(compared.stdout, /^fast against slow, pair by pair: 36 evaluated pairs, after steps 3 and 3$/m);
  assert.match(compared.stdout, /^margin +36 +[+−]\d+\.\d{4} +[+−]\d+\.\d{4} +[+−]\d+\.\d{4} +\S/m);
  assert.match(compared.stdout, /^2 runs that differ by their seed alone: slow, again$/m);
  assert.match(compared.stdout, /^accuracy +2 +\d+\.\d% +-?\d+\.\d% +\d+\.\d%$/m);
  const facts = JSON.parse((await wishbone('compare', 'slow', 'fast', '--runs', folder, '--json')).stdout) as {
    paired: { pairs: number; differences: { margin: { interval: [number, number]; mean: number; isShown: boolean } } }[];
    seeds: unknown[];
  };
  const [{ pairs, differences }] = facts.paired as [(typeof facts.paired)[number]];
  assert.equal(pairs, 36);
  assert.ok(differences.margin.interval[0] <= differences.margin.mean && differences.margin.mean <= differences.margin.interval[1]);
  assert.deepEqual(facts.seeds, []);
});
