import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { cannotWrite, PRIVATE_FILE } from './atomic-file.js';

/**
 * Copies a file, replacing what is there. The copy shares the disk's blocks where the file system can: what happens to one
 * does not happen to the other. It is for its owner alone.
 *
 * @throws WishboneError when it cannot be written
 */
export async function copied(from: string, to: string): Promise<void> {
  const temporary = temporaryName(to);
  try {
    await copyFile(from, temporary, constants.COPYFILE_FICLONE);
    const handle = await open(temporary, 'r');
    // Otherwise it would have that of the file it was copied from.
    await handle.chmod(PRIVATE_FILE);
    await handle.sync();
    await handle.close();
    await rename(temporary, to);
  } catch (error) {
    await rm(temporary, { force: true });
    throw cannotWrite(to, error);
  }
}

function temporaryName(file: string): string {
  return path.join(path.dirname(file), `.${path.basename(file)}.${randomBytes(6).toString('hex')}.tmp`);
}
