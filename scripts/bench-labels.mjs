// How well `wishbone pairs --view mislabelled` finds swapped labels: the example's pairs 2,000 times with other words, chosen and
// rejected exchanged in 5 % of them, trained on once. Prints how many of them each order has in its first tenth, and precision and
// recall of the view. Takes about five minutes on two cores.  npm run bench:labels
//
// --dataset FILE: pairs of HH-RLHF's form instead (.jsonl or .jsonl.gz), --model FOLDER: another model than the example's

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { hhLike } from './data/hh-like.mjs';
import { main, output, root } from './shell.mjs';

/** Rows to swap, evenly spread by a fixed stride: the same in every run. */
function swappedRows(pairs, share) {
  const count = Math.round(pairs * share);
  return new Set(Array.from({ length: count }, (_, i) => (i * 947 + 13) % pairs));
}

async function wishbone(...args) {
  return JSON.parse(await output(process.execPath, [join(root, 'dist/cli.js'), ...args]));
}

async function benchLabels({ pairs: count, epochs, dataset, model, 'learning-rate': learningRate }) {
  const folder = join(root, '.cache', 'bench-labels');
  await mkdir(folder, { recursive: true });
  const source = dataset ?? (await hhLike(join(root, 'examples/preferences.jsonl'), Number(count), folder));
  const bytes = await readFile(source);
  const lines = (source.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8').trimEnd().split('\n');
  const swapped = swappedRows(lines.length, 0.05);
  const planted = lines.map((line, row) => {
    if (!swapped.has(row)) return line;
    const { chosen, rejected } = JSON.parse(line);
    return JSON.stringify({ chosen: rejected, rejected: chosen });
  });
  const file = join(folder, 'planted.jsonl');
  await writeFile(file, `${planted.join('\n')}\n`);
  const options = ['--epochs', epochs, '--batch-size', '16', '--learning-rate', learningRate, '--max-length', '512'];
  const trained = await wishbone('train', file, '--model', model, '--runs', join(folder, 'runs'), ...options, '--json');
  const list = (...more) => wishbone('pairs', trained.folder, '--top', '0', '--json', ...more);
  const { pairs: all } = await list('--sort', 'row');
  const isSwapped = ({ row }) => swapped.has(row);
  const there = all.filter(isSwapped).length;
  const tenth = Math.round(all.length / 10);
  const orders = {
    'label (the view)': (await list('--sort', 'label')).pairs,
    margin: (await list('--sort', 'margin')).pairs,
    'chosen shorter': [...all].sort((a, b) => a.chosenTokens - a.rejectedTokens - (b.chosenTokens - b.rejectedTokens)),
  };
  console.log(`${all.length} pairs, ${there} of them swapped; a random order has ${(there / 10).toFixed(0)} in its first tenth`);
  for (const [name, order] of Object.entries(orders)) {
    const found = order.slice(0, tenth).filter(isSwapped).length;
    console.log(`${name.padEnd(18)} ${found} in the first tenth (${((100 * found) / there).toFixed(0)} %)`);
  }
  const { pairs: view } = await list('--view', 'mislabelled');
  const right = view.filter(isSwapped).length;
  console.log(`the view lists ${view.length}: precision ${(right / view.length).toFixed(2)}, recall ${(right / there).toFixed(2)}`);
}

await main(() => {
  const { values } = parseArgs({
    options: {
      pairs: { type: 'string', default: '2000' },
      epochs: { type: 'string', default: '1' },
      dataset: { type: 'string' },
      model: { type: 'string', default: join(root, 'examples/tiny-llama') },
      'learning-rate': { type: 'string', default: '1e-4' },
    },
  });
  return benchLabels(values);
});
