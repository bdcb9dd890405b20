// The run folders of several_gpus.py. `node --import tsx scripts/gpu/several-gpus.mjs --out DIR [--devices 1,2] [--models /tmp/models]`:
// a case has as many bins a device whatever the number of devices, and the same pairs: a run on fewer has more steps. MODELS is where
// the models will lie on the other machine.
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { main } from '../shell.mjs';
import { runFolder } from './run-folder.mjs';

/** Pairs of `hh` that about fill a bin of 16,384 tokens. */
const PAIRS_OF_A_BIN = 76;

/** The reference is computed in every step, as the peer does it. Steps are those on two devices; on more there are fewer, so that a device alone has no more. */
const CASES = [
  { name: '1b-1', shape: 'llama-1b', bins: 1, warm_up: 4, steps: 20, peer: ['--model', 'llama-1b', '--bins', '1'] },
  { name: '1b-4', shape: 'llama-1b', bins: 4, warm_up: 2, steps: 8, peer: ['--model', 'llama-1b', '--bins', '4'] },
  { name: '1b-1-optimizer', shape: 'llama-1b', bins: 1, warm_up: 4, steps: 20, from: 2, options: ['--shard', 'optimizer'] },
  { name: '1b-4-optimizer', shape: 'llama-1b', bins: 4, warm_up: 2, steps: 8, from: 2, options: ['--shard', 'optimizer'] },
  {
    name: '8b-2',
    shape: 'llama-8b',
    bins: 2,
    warm_up: 2,
    steps: 6,
    options: ['--moments', 'bfloat16', '--recompute', 'block', '--shard', 'gradients'],
    peer: ['--model', 'llama-8b', '--bins', '2', '--steps', '4', '--warm-up', '2'],
    peer_needs_several: true,
  },
  {
    name: '8b-2-parameters',
    shape: 'llama-8b',
    bins: 2,
    warm_up: 2,
    steps: 6,
    from: 2,
    options: ['--moments', 'bfloat16', '--recompute', 'block', '--shard', 'parameters'],
  },
  { name: '8b-lora', shape: 'llama-8b', bins: 2, warm_up: 2, steps: 6, options: ['--lora-rank', '16', '--recompute', 'block'] },
];

await main(async () => {
  const { values } = parseArgs({
    options: {
      out: { type: 'string' },
      devices: { type: 'string', default: '1,2' },
      models: { type: 'string', default: '/tmp/models' },
    },
  });
  await mkdir(values.out, { recursive: true });
  const counts = values.devices.split(',').map(Number);
  const most = Math.max(...counts);
  const fewer = (steps) => Math.max(1, Math.ceil((2 * steps) / most));
  const cases = CASES.map((each) => {
    const warmUp = fewer(each.warm_up);
    return { ...each, warm_up: warmUp, steps: Math.max(warmUp + 2, fewer(each.steps)), most_devices: most };
  });
  for (const { name, shape, bins, steps, from = 1, options = [] } of cases)
    for (const devices of counts) {
      if (devices < from) continue;
      const batch = PAIRS_OF_A_BIN * bins * devices;
      const made = await runFolder([
        ...['--out', path.join(values.out, 'made'), '--model', path.join(values.models, shape), '--shape', shape],
        ...['--pairs', String(PAIRS_OF_A_BIN * bins * most * steps), '--batch-size', String(batch), '--devices', String(devices)],
        ...['--reference', 'in_step', ...options],
      ]);
      await rename(made, path.join(values.out, `${name}-${devices}`));
    }
  await rm(path.join(values.out, 'made'), { recursive: true });
  await writeFile(path.join(values.out, 'cases.json'), JSON.stringify(cases));
});
