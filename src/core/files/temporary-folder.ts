import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ExitCode, WishboneError } from '../errors.js';
import { cannotWrite } from './atomic-file.js';

/**
 * A new folder for files that are gone when the work is; whoever asks removes it.
 *
 * @param prefix of its name
 * @throws WishboneError (exit code 5) where the system's folder for such files is missing or cannot be written
 */
export async function makeTemporaryFolder(prefix: string): Promise<string> {
  const root = tmpdir();
  try {
    return await mkdtemp(path.join(root, prefix));
  } catch (error) {
    const why = cannotWrite(root, error);
    if (!(why instanceof WishboneError)) throw why;
    const what = `a folder for temporary files cannot be made: ${why.what}`;
    const advice = process.platform === 'win32' ? 'set TEMP to a folder you may write to' : 'set TMPDIR to a folder you may write to';
    throw new WishboneError(what, root, advice, ExitCode.cannotWrite);
  }
}
