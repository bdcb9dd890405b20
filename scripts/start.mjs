// The main job on the example data: installs what is missing, builds, trains the example model with shared prefixes and
// naively on the same pairs, measures both interleaved, and prints what came of it.
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build } from './build.mjs';
import { setup } from './setup.mjs';
import { Failure, headline, main, output, root, run } from './shell.mjs';

const dataset = join(root, 'examples/preferences.jsonl');
const model = join(root, 'examples/tiny-llama');
const runs = join(root, 'examples/.wishbone/runs');
const preset = 'quick';
/** Enough to see it learn; the preset's own number would take twice as long. */
const epochs = '2';
const batchSize = '8';

/** Runs the command line with `--json`; what it prints, parsed. */
async function wishbone(...args) {
  return JSON.parse(await output(process.execPath, [join(root, 'dist/cli.js'), ...args, '--json']));
}

/** A whole run. Resolves to what `wishbone train --json` says and the run's `step` events. */
async function train(name, sharing) {
  headline(`training: ${name}`);
  const result = await wishbone(
    ...['train', dataset, '--model', model, '--preset', preset, '--epochs', epochs],
    ...['--batch-size', batchSize, '--sharing', sharing, '--name', name, '--runs', runs],
  );
  if (result.state !== 'finished')
    throw new Failure(`The run was ${result.state}; it can go on: npx wishbone train --resume ${result.folder}`);
  const steps = readFileSync(join(result.folder, 'events.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter((event) => event.type === 'step');
  console.log(`${result.steps} steps in ${result.seconds.toFixed(1)} s: ${relative(root, result.folder)}`);
  return { ...result, events: steps };
}

/** Rows of cells as lines, every column as wide as its widest cell. */
function table(rows) {
  const width = (column) => Math.max(...rows.map((row) => (row[column] ?? '').length));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(width(column)))
        .join('   ')
        .trimEnd(),
    )
    .join('\n');
}

/** Mean of the last five steps: a single step of eight pairs says little. */
function last(events, name) {
  const values = events.slice(-5).map((event) => event[name]);
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

const grouped = (count) => count.toLocaleString('en-US');

await main(async () => {
  await setup();
  headline('build');
  await build();
  await run(process.execPath, ['scripts/build-native.mjs']);

  const shared = await train('Example, shared prefixes', 'pair');
  const naive = await train('Example, naive pairing', 'none');
  headline('measuring: whole steps of both on 64 pairs, one step of each in turn, three times');
  const speedup = await wishbone('speedup', dataset, '--model', model, '--batch-size', batchSize, '--pairs', '64');

  const difference = Math.max(...shared.events.map((event, step) => Math.abs(event.loss - naive.events[step].loss)));
  const { naiveTokens, planTokens } = shared.plan;
  headline('result');
  console.log(
    table([
      ['', 'shared prefixes', 'naive pairing'],
      ['pairs, epochs', ...[shared, naive].map(({ plan }) => `${plan.pairs}, ${plan.epochs}`)],
      // At the first step model and reference are the same: the loss is ln 2, every margin 0, and accuracy means nothing.
      ['loss, first step', ...[shared, naive].map(({ events }) => events[0].loss.toFixed(4))],
      ['loss, last 5 steps', ...[shared, naive].map(({ events }) => last(events, 'loss').toFixed(4))],
      ['accuracy, last 5 steps', ...[shared, naive].map(({ events }) => last(events, 'rewards/accuracies').toFixed(2))],
      ['margin, last 5 steps', ...[shared, naive].map(({ events }) => last(events, 'rewards/margins').toFixed(3))],
      ['tokens', grouped(planTokens), grouped(naiveTokens)],
      ['pairs/s, measured in turn', speedup.sharedPairsPerSecond.toFixed(1), speedup.naivePairsPerSecond.toFixed(1)],
    ]),
  );
  console.log(`
tokens saved      ${(100 * (1 - planTokens / naiveTokens)).toFixed(1)} % (naive / shared = ${(naiveTokens / planTokens).toFixed(2)})
measured speedup  ${speedup.ratio.toFixed(2)} (${speedup.rounds.length} interleaved rounds, ${speedup.ratioMin.toFixed(2)} to ${speedup.ratioMax.toFixed(2)}; ratio of required FLOPs ${speedup.flopsRatio.toFixed(2)})
same training     the two loss curves differ by ${difference.toExponential(1)} at most

Trained models: ${[shared, naive].map(({ folder, export: path }) => relative(root, join(folder, path))).join('\n                ')}
Watch these runs, or start one, in VS Code: npm run vscode`);
});
