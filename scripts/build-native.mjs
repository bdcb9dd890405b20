// Configures and builds the runner into build/native and copies it to dist/bin/wishbone-runner.
// `--tests` also builds the native tests. Needs cmake and a C++20 compiler; see native-runner/cmake/Dependencies.cmake.
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const source = join(root, 'native-runner');
const build = join(root, 'build', 'native');
const executable = join(root, 'dist', 'bin', 'wishbone-runner');
const withTests = process.argv.includes('--tests');

const available = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;

/** Runs one phase: a line when it ends well, everything the tools said when it does not. */
function phase(name, command, args) {
  const started = Date.now();
  const result = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 256 << 20 });
  if (result.status !== 0) {
    process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}`);
    const why = result.error ? result.error.message : `exit code ${result.status ?? result.signal}`;
    console.error(`native: ${name} failed (${why})`);
    process.exit(1);
  }
  console.log(`native: ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
}

if (!available('cmake')) {
  console.error('native: cmake is missing. Install it:  apt install cmake');
  process.exit(1);
}

// A build folder that was moved, or made by another generator, cannot be reused.
const cache = join(build, 'CMakeCache.txt');
if (existsSync(cache)) {
  const madeFor = /^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$/m.exec(readFileSync(cache, 'utf8'))?.[1];
  if (madeFor !== source) rmSync(build, { recursive: true });
}
// Only the first time: later calls without --tests keep what the folder was configured for.
const first = existsSync(cache)
  ? []
  : ['-G', available('ninja') ? 'Ninja' : 'Unix Makefiles', '-DCMAKE_BUILD_TYPE=Release', '-DWISHBONE_TESTS=OFF'];
const tests = withTests ? ['-DWISHBONE_TESTS=ON'] : [];

phase('configured', 'cmake', ['-S', source, '-B', build, ...first, ...tests]);
const targets = withTests ? [] : ['--target', 'wishbone-runner'];
phase('built', 'cmake', ['--build', build, '--parallel', String(availableParallelism()), ...targets]);

// Renamed into place: a run that is under way keeps its own copy of the old executable.
mkdirSync(dirname(executable), { recursive: true });
copyFileSync(join(build, 'wishbone-runner'), `${executable}.new`);
chmodSync(`${executable}.new`, 0o755);
renameSync(`${executable}.new`, executable);
console.log('native: dist/bin/wishbone-runner');
