// Packages from PyPI, fetched with pip: each one file, named with its hash, the same on every machine.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure, read, run } from './shell.mjs';

export const hasPip = () => read('python3', ['-m', 'pip', '--version']) !== undefined;

/** Of packages that have no file for all platforms the one for this; only their Python is used. */
export const platform = [
  '--platform',
  'manylinux2014_x86_64',
  '--python-version',
  '3.11',
  '--implementation',
  'cp',
  '--abi',
  'cp311',
  '--abi',
  'none',
];

/**
 * Fetches wheels into a folder.
 *
 * @param wheels lines of a requirements file, `name==version --hash=sha256:…`
 * @param on pip's flags for what they are to run on
 * @throws Failure when there is no pip, or it cannot fetch them
 */
export async function fetchWheels(wheels, folder, on = platform) {
  if (!hasPip()) throw new Failure('Python packages are fetched with pip, which is missing. Install it:  apt install python3-pip');
  mkdirSync(folder, { recursive: true });
  const requirements = join(folder, 'requirements.txt');
  writeFileSync(requirements, `${wheels.join('\n')}\n`);
  const quiet = ['--disable-pip-version-check', '--no-input', '--progress-bar', 'off', '--quiet'];
  const exactly = ['--require-hashes', '--no-deps', '--only-binary=:all:', ...on];
  await run('python3', ['-m', 'pip', 'download', ...quiet, ...exactly, '--dest', folder, '-r', requirements], { quiet: true });
}
