// Builds the runner in build/native and copies it to dist/bin/wishbone-runner.
//
//   --cpu            the CPU backend alone: one static executable, wishbone-runner
//   --cuda           the CUDA backend as well: wishbone-runner-cuda; fetches a toolkit when there is none
//   --tests          the native tests too
//   --in-place       leave dist/bin alone
//   --architectures  for --cuda: only these, e.g. 90, for a quick build for one card; default: all
//
// With neither --cpu nor --cuda it builds what dist/bin was last built with, the CPU backend alone at first.
// Needs cmake and a C++20 compiler; see native-runner/cmake/Dependencies.cmake and Cuda.cmake.
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { cudaToolkit } from './cuda-toolkit.mjs';
import { Failure, isScript, main, root } from './shell.mjs';

const source = join(root, 'native-runner');
const executable = join(root, 'dist', 'bin', 'wishbone-runner');
/** What dist/bin was built with: `cpu` or `cuda`. */
const note = join(root, 'build', 'backend');

/** `cuda` when dist/bin holds a runner that was built with CUDA, else `cpu`. */
export function builtBackend() {
  return existsSync(executable) && existsSync(note) && readFileSync(note, 'utf8').trim() === 'cuda' ? 'cuda' : 'cpu';
}

const available = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;

/** Runs one phase: a line when it ends well, everything the tools said when it does not. */
function phase(name, command, args) {
  const started = Date.now();
  const result = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 256 << 20 });
  if (result.status !== 0) {
    process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}`);
    const why = result.error ? result.error.message : `exit code ${result.status ?? result.signal}`;
    throw new Failure(`native: ${name} failed (${why})`);
  }
  console.log(`native: ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
}

async function buildRunner({ cpu, cuda, tests, 'in-place': inPlace, architectures }) {
  if (cpu && cuda) throw new Failure('native: --cpu and --cuda do not go together');
  const backend = cuda ? 'cuda' : cpu ? 'cpu' : builtBackend();
  if (!available('cmake')) throw new Failure('native: cmake is missing. Install it:  apt install cmake');
  const build = join(root, 'build', 'native');
  const target = backend === 'cuda' ? 'wishbone-runner-cuda' : 'wishbone-runner';

  // A build folder that was moved, or made by another generator, cannot be reused.
  const cache = join(build, 'CMakeCache.txt');
  if (existsSync(cache)) {
    const madeFor = /^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$/m.exec(readFileSync(cache, 'utf8'))?.[1];
    if (madeFor !== source) rmSync(build, { recursive: true });
  }
  // Only the first time: later calls without --tests keep what the folder was configured for.
  const options = existsSync(cache)
    ? []
    : ['-G', available('ninja') ? 'Ninja' : 'Unix Makefiles', '-DCMAKE_BUILD_TYPE=Release', '-DWISHBONE_TESTS=OFF'];
  if (tests) options.push('-DWISHBONE_TESTS=ON');
  if (backend === 'cuda') {
    options.push('-DWISHBONE_CUDA=ON', `-DWISHBONE_CUDA_TOOLKIT=${await cudaToolkit()}`);
    // -U: back to the default.
    options.push(architectures ? `-DWISHBONE_CUDA_ARCHITECTURES=${architectures}` : '-UWISHBONE_CUDA_ARCHITECTURES');
  } else {
    options.push('-DWISHBONE_CUDA=OFF');
  }

  phase('configured', 'cmake', ['-S', source, '-B', build, ...options]);
  const targets = !tests ? [target] : backend === 'cuda' ? [target, 'cuda-checks'] : ['all'];
  if (backend === 'cuda') console.log('native: compiling with CUDA; the first time takes some minutes');
  phase('built', 'cmake', ['--build', build, '--parallel', String(availableParallelism()), '--target', ...targets]);
  if (inPlace) return;

  // Renamed into place: a run that is under way keeps its own copy of the old executable.
  mkdirSync(dirname(executable), { recursive: true });
  copyFileSync(join(build, target), `${executable}.new`);
  chmodSync(`${executable}.new`, 0o755);
  renameSync(`${executable}.new`, executable);
  writeFileSync(note, `${backend}\n`);
  console.log(`native: dist/bin/wishbone-runner${backend === 'cuda' ? ' (CPU and CUDA)' : ''}`);
}

function readOptions() {
  const flag = { type: 'boolean', default: false };
  const options = { cpu: flag, cuda: flag, tests: flag, 'in-place': flag, architectures: { type: 'string' } };
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    throw new Failure(`native: ${error.message}`);
  }
}

if (isScript(import.meta.url)) await main(() => buildRunner(readOptions()));
