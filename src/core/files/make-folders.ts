import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { cannotWrite } from './atomic-file.js';

/**
 * Makes a folder and those above it that are missing; one that is there is good. Node's own `recursive` never comes back where the
 * system says ENOENT of a name though the folder above it is there, as `/proc` does, and an automounter of a home folder that the
 * machine does not have: it makes the one above, tries again, and so on.
 *
 * @param mode of every folder made, from which the umask takes away
 * @returns the topmost folder made, absolute; undefined if all were there
 * @throws as `mkdir`: EEXIST where a file has the name, ENOTDIR where one above is a file, ENOENT as above
 */
export async function makeFolders(folder: string, mode = 0o777): Promise<string | undefined> {
  const whole = path.resolve(folder);
  const above = path.dirname(whole);
  try {
    return await makeOne(whole, mode);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || above === whole) throw error;
  }
  const first = await makeFolders(above, mode);
  const own = await makeOne(whole, mode);
  return first ?? own;
}

/**
 * The folder that a file is about to be written into, for whoever has no words of their own for a failure.
 *
 * @throws WishboneError (exit code 5), naming the file
 */
export async function makeFolderOf(file: string, mode?: number): Promise<void> {
  await makeFolders(path.dirname(file), mode).catch((error: unknown) => {
    throw cannotWrite(file, error);
  });
}

/** @returns the folder if it was not there before */
async function makeOne(folder: string, mode: number): Promise<string | undefined> {
  try {
    await mkdir(folder, { mode });
    return folder;
  } catch (error) {
    // Whatever the system says of a folder that is there: EEXIST, or of a drive's root and on read-only disks others.
    const found = await stat(folder).catch(() => undefined);
    if (found?.isDirectory()) return undefined;
    throw error;
  }
}
