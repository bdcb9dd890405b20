// The run folders of precision.py, for a machine with a GPU and no Node: `node --import tsx scripts/gpu/precision-runs.mjs --dataset FILE
// --out FILE.tar.gz [--steps 500]`. Real texts (JSONL, gzip or not) under the example model's tokenizer, the last 15 % of the rows held out; a
// run for each seed and precision, and one in bf16 whose bins are others, so that nothing but the order of its sums differs.
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { DEFAULT_PLAN, DEFAULT_RUNNER, DEFAULT_TRAINING } from '../../src/core/options/index.js';
import { prepareRun } from '../../src/core/prepare/index.js';
import { main, root, run } from '../shell.mjs';

/** Where precision.py makes the model. */
const MODEL = '/tmp/wishbone-bench/precision';
const SEEDS = [1, 2, 3];
const CAPACITY = 16384;

const RUNS = [
  ...SEEDS.flatMap((seed) => ['bf16', 'fp8'].map((precision) => ({ name: `${precision}-${seed}`, seed, precision, capacity: CAPACITY }))),
  { name: 'bf16-other-bins', seed: SEEDS[0], precision: 'bf16', capacity: CAPACITY / 4 },
];

await main(async () => {
  const { values } = parseArgs({
    options: { dataset: { type: 'string' }, out: { type: 'string' }, steps: { type: 'string', default: '500' } },
  });
  const scratch = await mkdtemp(path.join(tmpdir(), 'wishbone-precision-'));
  const evalDataset = path.join(scratch, 'eval.jsonl');
  const dataset = path.join(scratch, 'train.jsonl');
  try {
    const bytes = await readFile(values.dataset);
    const rows = (values.dataset.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString().trimEnd().split('\n');
    const held = Math.round(0.85 * rows.length);
    await writeFile(dataset, rows.slice(0, held).join('\n'));
    await writeFile(evalDataset, rows.slice(held).join('\n'));
    for (const { name, seed, precision, capacity } of RUNS) {
      const { folder } = await prepareRun({
        name,
        dataset,
        evalDataset,
        model: path.join(root, 'examples/tiny-llama'),
        plan: {
          ...{ ...DEFAULT_PLAN, seed, capacity, batch_size: 8, epochs: 100, max_steps: Number(values.steps) },
          max_length: 2048,
        },
        training: { ...DEFAULT_TRAINING, learning_rate: 5e-5, eval_steps: 100, reference: 'in_step', save_minutes: 0 },
        runner: { ...DEFAULT_RUNNER, backend: 'cuda', precision },
        runsFolder: path.join(scratch, 'making'),
      });
      const file = path.join(folder, 'run.json');
      const asked = JSON.parse(await readFile(file, 'utf8'));
      await writeFile(file, JSON.stringify({ ...asked, model: { path: MODEL } }));
      await rename(folder, path.join(scratch, name));
    }
    for (const made of [path.join(scratch, 'making'), dataset, evalDataset]) await rm(made, { recursive: true });
    await writeFile(path.join(scratch, 'runs.json'), JSON.stringify(RUNS));
    await run('tar', ['-C', scratch, '-czf', path.resolve(values.out), '.']);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
});
