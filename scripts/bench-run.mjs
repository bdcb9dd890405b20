// Whole runs against TRL's DPOTrainer: `npm run bench:run`, with a GPU, a CUDA build and a Python with torch and trl (WISHBONE_PYTHON
// names another). Times `wishbone train`, from its start to its end. `-- --pack FILE.tar.gz` only makes the run folders, for a machine with a GPU and no Node, where
// scripts/gpu/whole_runs.py takes the file. `-- --tiny` is a try of all of it on the CPU, with a tiny model. What else is given goes to
// whole_runs.py.
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { runFolder } from './gpu/run-folder.mjs';
import { Failure, main, root, run, which } from './shell.mjs';

/** Pairs a step on both sides, and tokens a bin on a card of 80 GB. */
const STEP = 64;
const CAPACITY = 16384;

/** Where the models will lie on the machine that trains. */
const MODELS = '/tmp/wishbone-bench';

const CASES = {
  '1b-2000': { shape: 'llama-1b', set: 'hh', pairs: 2000, lora_rank: 0, save_steps: 0 },
  '1b-2000-saved': { shape: 'llama-1b', set: 'hh', pairs: 2000, lora_rank: 0, save_steps: 8 },
  '1b-20000': { shape: 'llama-1b', set: 'hh', pairs: 20000, lora_rank: 0, save_steps: 0 },
  '8b-lora-512': { shape: 'llama-8b', set: 'hh', pairs: 512, lora_rank: 16, save_steps: 0 },
  '8b-lora-5000': { shape: 'llama-8b', set: 'hh', pairs: 5000, lora_rank: 16, save_steps: 0 },
};

const TINY_CASES = {
  'tiny-12': { shape: 'tiny', set: 'hh', pairs: 12, lora_rank: 0, save_steps: 0 },
  'tiny-12-saved': { shape: 'tiny', set: 'hh', pairs: 12, lora_rank: 0, save_steps: 1 },
  'tiny-24': { shape: 'tiny', set: 'hh', pairs: 24, lora_rank: 0, save_steps: 0 },
};

/** What `wishbone train` is told beside texts, model and device: the run is that of the folder, but for `capacity: auto`. */
function trainArguments({ save_steps, lora_rank }, tiny) {
  return [
    ...['--batch-size', String(tiny ? 4 : STEP), '--max-length', String(CAPACITY)],
    ...(save_steps > 0 ? ['--save-steps', String(save_steps)] : []),
    ...(lora_rank > 0 ? ['--use-peft', '--lora-r', String(lora_rank), '--lora-alpha', String(2 * lora_rank)] : []),
  ];
}

async function makeFolders(out, cases, tiny) {
  for (const [name, each] of Object.entries(cases)) {
    const made = await runFolder([
      ...['--out', join(out, 'making'), '--model', tiny ? join(out, 'model') : join(MODELS, each.shape), '--shape', each.shape],
      ...['--set', each.set, '--pairs', String(each.pairs), '--capacity', String(tiny ? 2048 : CAPACITY)],
      ...['--batch-size', String(tiny ? 4 : STEP)],
      ...(each.save_steps > 0 ? ['--save-steps', String(each.save_steps)] : []),
      ...(each.lora_rank > 0 ? ['--lora-rank', String(each.lora_rank)] : []),
    ]);
    renameSync(made, join(out, name));
    each.arguments = trainArguments(each, tiny);
  }
  rmSync(join(out, 'making'), { recursive: true, force: true });
  writeFileSync(join(out, 'cases.json'), JSON.stringify(cases, undefined, 2));
}

await main(async () => {
  const rest = process.argv.slice(2);
  const take = (flag, values) => {
    const at = rest.indexOf(flag);
    return at < 0 ? undefined : rest.splice(at, 1 + values);
  };
  const tiny = take('--tiny', 0) !== undefined;
  const pack = take('--pack', 1)?.[1];
  const runner = tiny ? join(root, 'dist/bin/wishbone-runner') : join(root, 'build/native/wishbone-runner-cuda');
  if (pack === undefined && !existsSync(runner)) {
    throw new Failure(`bench: ${runner} is missing:  npm run ${tiny ? 'build' : 'build:cuda'}`);
  }
  const out = mkdtempSync(join(tmpdir(), 'wishbone-runs-'));
  try {
    mkdirSync(join(out, 'folders'));
    await makeFolders(join(out, 'folders'), tiny ? TINY_CASES : CASES, tiny);
    if (pack !== undefined) {
      await run('tar', ['-C', join(out, 'folders'), '-czf', resolve(pack), '.']);
      return;
    }
    const python = process.env.WISHBONE_PYTHON ?? which('python3') ?? which('python');
    if (!python) throw new Failure('bench: there is no python3; WISHBONE_PYTHON can name one');
    const script = join(root, 'scripts/gpu/whole_runs.py');
    const command = JSON.stringify([process.execPath, join(root, 'dist/cli.js')]);
    const given = ['--runner', runner, '--command', command, '--folders', join(out, 'folders'), ...(tiny ? ['--cpu'] : [])];
    await run(python, [script, ...given, ...rest], { env: { ...process.env, WISHBONE_RUNNER: runner } });
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
});
