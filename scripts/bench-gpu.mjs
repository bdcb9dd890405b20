// The GPU benchmark: `npm run bench:gpu [-- --models llama-1b --sets hh --phases ...]`; `-- exactness` holds the runner
// against transformers. Finds the CUDA build and a Python with PyTorch (WISHBONE_PYTHON names another), and runs
// scripts/gpu/bench.py or exactness.py, which also run on a GPU machine without Node (scripts/gpu/README.md).
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Failure, main, read, root, run, which } from './shell.mjs';

const build = join(root, 'build', 'native');
const runner = 'wishbone-runner-cuda';

function python() {
  const program = process.env.WISHBONE_PYTHON ?? which('python3') ?? which('python');
  if (!program) throw new Failure('bench: there is no python3; WISHBONE_PYTHON can name one');
  const found = read(program, ['-c', 'import torch; print(torch.cuda.is_available())']);
  if (found === undefined) {
    throw new Failure(`bench: ${program} has no PyTorch:  ${program} -m pip install torch transformers safetensors`);
  }
  if (found !== 'True') throw new Failure(`bench: the PyTorch of ${program} sees no GPU`);
  return program;
}

await main(async () => {
  const [first, ...rest] = process.argv.slice(2);
  const exactness = first === 'exactness';
  const programs = exactness ? [runner] : ['test/train_benchmark', 'test/attention_benchmark'];
  for (const program of programs) {
    if (!existsSync(join(build, program))) {
      throw new Failure(`bench: build/native/${program} is missing:  npm run build:cuda -- --tests`);
    }
  }
  const script = (name) => join(root, 'scripts', 'gpu', name);
  if (exactness) await run(python(), [script('exactness.py'), '--runner', join(build, runner), ...rest]);
  else await run(python(), [script('bench.py'), '--benchmarks', join(build, 'test'), ...process.argv.slice(2)]);
});
