import { randomBytes } from 'node:crypto';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, WishboneError } from '../errors.js';

/**
 * Modes of new files, from which the umask takes away. Whatever may hold texts of datasets, as text or as tokens, is for its owner alone;
 * what is made to be handed on, or holds none, is for whom the umask says.
 */
export const PRIVATE_FILE = 0o600;
export const PRIVATE_FOLDER = 0o700;
export const SHARED_FILE = 0o666;

/**
 * Writes a file so that it is there whole or not at all: under a temporary name in the same folder, synced, renamed.
 * When anything fails, nothing is left and a file that was there before stays as it was.
 *
 * @param write is given the open temporary file; what it throws is passed on
 * @param mode of the new file, also where it replaces another
 * @throws WishboneError (exit code 5) when the disk is full or the folder cannot be written
 */
export async function writeFileAtomically(file: string, write: (handle: FileHandle) => Promise<void>, mode = PRIVATE_FILE): Promise<void> {
  const folder = path.dirname(path.resolve(file));
  const temporary = path.join(folder, `.${path.basename(file)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    const handle = await open(temporary, 'wx', mode);
    try {
      await write(handle);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
    await syncFolder(folder);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw cannotWrite(file, error);
  }
}

/** Without this the new name may be lost in a power cut, though the file's contents are on the disk. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** An error of writing, in words for a person (exit code 5); what is none of these stays as it is. */
export function cannotWrite(file: string, error: unknown): unknown {
  if (error instanceof WishboneError) return error;
  const { code } = error as NodeJS.ErrnoException;
  const failure = (what: string, advice: string): WishboneError => new WishboneError(what, file, advice, ExitCode.cannotWrite);
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return failure('no space left on the disk', 'free some space, or write to another disk');
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return failure('no permission to write here', 'choose a folder you may write to');
    case 'ENOENT':
      return failure('the folder does not exist', 'create the folder first, or choose another');
    case 'ENOTDIR':
    case 'EEXIST':
      return failure('a file is where a folder of this path should be', 'move that file away, or choose another folder');
    case 'EISDIR':
      return failure('a folder with this name already exists', 'choose another file name');
    default:
      return code === undefined ? error : failure(`cannot write the file (${(error as Error).message})`, 'check the disk');
  }
}
