// Formats the C++ and CUDA sources by .clang-format: `npm run format:native`. With --check it only says what is not formatted, as
// `npm test lint` does. One version formats for everyone, for each has ideas of its own: it is fetched from PyPI into .cache.
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fetchWheels } from './pip.mjs';
import { Failure, isScript, main, root, run } from './shell.mjs';

const version = '23.1.5';
const wheel = `clang-format==${version} --hash=sha256:d97ce49911ba8c89ef3f3c0735a9c7818e4780ab4812c67d1c5fcd829d16ae52`;
const program = join(root, '.cache', 'clang-format', version, 'clang-format');

/** Path of clang-format, fetched where it is missing. Throws Failure when that does not work. */
export async function clangFormat() {
  if (existsSync(program)) return program;
  console.log('fetching clang-format from PyPI');
  const fresh = `${dirname(program)}.new`;
  rmSync(fresh, { recursive: true, force: true });
  await fetchWheels([wheel], fresh, ['--platform', 'manylinux_2_28_x86_64']);
  const [file] = readdirSync(fresh).filter((name) => name.endsWith('.whl'));
  await run('python3', ['-m', 'zipfile', '-e', join(fresh, file), fresh], { quiet: true });
  mkdirSync(dirname(program), { recursive: true });
  renameSync(join(fresh, 'clang_format/data/bin/clang-format'), program);
  chmodSync(program, 0o755);
  rmSync(fresh, { recursive: true });
  return program;
}

/** Formats, or with `check` throws Failure when something is not formatted, once it is named. */
export async function formatNative({ check = false } = {}) {
  const all = readdirSync(join(root, 'native-runner'), { recursive: true }).filter((name) => /\.(cpp|h|cu|cuh)$/.test(name));
  const files = all.sort().map((name) => join('native-runner', name));
  const format = await clangFormat();
  if (!check) return run(format, ['-i', ...files]);
  // Its own message names every file that was asked about.
  await run(format, ['--dry-run', '--Werror', ...files]).catch(() => {
    throw new Failure('native: these are not formatted. Format them:  npm run format:native');
  });
}

if (isScript(import.meta.url)) await main(() => formatNative({ check: process.argv.includes('--check') }));
