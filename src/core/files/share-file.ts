import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, link, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { cannotWrite } from './atomic-file.js';

/** Gives a file another name, replacing what is there. @returns false where that cannot be, on another disk for example */
export async function linked(from: string, to: string): Promise<boolean> {
  const temporary = temporaryName(to);
  try {
    await link(from, temporary);
    await rename(temporary, to);
    return true;
  } catch {
    return false;
  } finally {
    // Also when all went well: renaming to another name of the same file does nothing.
    await rm(temporary, { force: true }).catch(() => undefined);
  }
}

/** Copies a file, replacing what is there. @throws WishboneError when it cannot be written */
export async function copied(from: string, to: string): Promise<void> {
  const temporary = temporaryName(to);
  try {
    await copyFile(from, temporary, constants.COPYFILE_FICLONE);
    const handle = await open(temporary, 'r');
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
