import { access, constants, stat } from 'node:fs/promises';
import path from 'node:path';

import { ExitCode, WishboneError } from '../errors.js';
import { missingRunner } from './missing-runner.js';

const RUNNER_NAME = 'wishbone-runner';

let chosenRunner = '';

/** Has {@link locateRunner} find this runner from now on; empty: as if none was chosen. */
export function useRunner(file: string): void {
  chosenRunner = file;
}

/**
 * The path of the native runner: the one of {@link useRunner}, then `WISHBONE_RUNNER` when set, else the one that was built or packaged with this code.
 *
 * @throws WishboneError when there is none or it may not be executed
 */
export async function locateRunner(): Promise<string> {
  if (chosenRunner !== '') {
    await checkRunner(chosenRunner, 'the setting wishbone.runner.path names it: fix or clear it');
    return chosenRunner;
  }
  const named = process.env['WISHBONE_RUNNER'];
  if (named !== undefined && named !== '') {
    const file = path.resolve(named);
    await checkRunner(file, 'the environment variable WISHBONE_RUNNER names it: fix or unset it');
    return file;
  }
  const begin = moduleFolder();
  // dist/extension.js and dist/cli.js find dist/bin, dist/workers/*.js one up, sources run directly find dist further up.
  for (let folder = begin; ; folder = path.dirname(folder)) {
    for (const candidate of [path.join(folder, 'bin', RUNNER_NAME), path.join(folder, 'dist', 'bin', RUNNER_NAME)]) {
      if (await isFile(candidate)) {
        await checkRunner(candidate, 'reinstall Wishbone, or make the file executable');
        return candidate;
      }
    }
    if (folder === path.dirname(folder)) break;
  }
  throw missingRunner(path.join(begin, 'bin', RUNNER_NAME), await isInSources(begin));
}

async function isInSources(begin: string): Promise<boolean> {
  for (let folder = begin; ; folder = path.dirname(folder)) {
    if (await isFile(path.join(folder, 'native-runner', 'CMakeLists.txt'))) return true;
    if (folder === path.dirname(folder)) return false;
  }
}

function moduleFolder(): string {
  return typeof __dirname === 'string' ? __dirname : path.dirname(path.resolve(process.argv[1] ?? '.'));
}

async function isFile(file: string): Promise<boolean> {
  return stat(file).then(
    (info) => info.isFile(),
    () => false,
  );
}

async function checkRunner(file: string, advice: string): Promise<void> {
  if (!(await isFile(file))) {
    throw new WishboneError('the native runner does not exist', file, advice, ExitCode.internal);
  }
  try {
    await access(file, constants.X_OK);
  } catch {
    throw new WishboneError('the native runner is not executable', file, advice, ExitCode.internal);
  }
}
