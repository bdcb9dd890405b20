import { lstat, readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { cannotWrite, SHARED_FILE, writeFileAtomically } from '../files/atomic-file.js';
import { WishboneError } from '../errors.js';
import { makeFolders } from '../files/make-folders.js';

/** The example project's run config. */
export const EXAMPLE_CONFIG = 'example.wishbone.json';
/** What a folder made for the example is called. */
const EXAMPLE_FOLDER = 'wishbone-example';

/** How a folder stands before the example is written into it. */
export interface ExampleTarget {
  /** It has anything in it. */
  readonly isEmpty: boolean;
  /** Files of the example that are there already, by their path in the folder. */
  readonly existing: readonly string[];
}

/** Files of the example, by their path in the folder. @throws WishboneError when they did not come along */
export async function exampleFiles(source: string): Promise<string[]> {
  const files: string[] = [];
  for (const name of await readdir(source, { recursive: true }).catch(() => [])) {
    if ((await stat(path.join(source, name))).isFile()) files.push(name);
  }
  if (files.length === 0) throw new WishboneError('the example project is missing', source, 'reinstall Wishbone');
  return files.sort();
}

/** Looks at a folder that need not be there. @throws WishboneError when it cannot be looked into, or is none */
export async function lookAtTarget(source: string, target: string): Promise<ExampleTarget> {
  let entries: string[];
  try {
    entries = await readdir(target);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return { isEmpty: true, existing: [] };
    const what = code === 'ENOTDIR' ? 'a file with this name already exists' : `the folder cannot be read (${message})`;
    throw new WishboneError(what, target, 'choose another folder');
  }
  const existing: string[] = [];
  for (const file of await exampleFiles(source)) if (await exists(path.join(target, file))) existing.push(file);
  return { isEmpty: entries.length === 0, existing };
}

/** A folder within another that is not there yet: `wishbone-example`, `wishbone-example-2`, … */
export async function freshFolder(parent: string): Promise<string> {
  for (let number = 1; ; number++) {
    const folder = path.join(parent, number === 1 ? EXAMPLE_FOLDER : `${EXAMPLE_FOLDER}-${number}`);
    if (!(await exists(folder))) return folder;
  }
}

/**
 * Writes the example into a folder, which is made when it is not there. A file of the same name is replaced, everything
 * else stays: whether that is wanted is for the caller to know.
 *
 * @throws WishboneError when the folder cannot be written
 */
export async function writeExample(source: string, target: string): Promise<void> {
  for (const file of await exampleFiles(source)) {
    const to = path.join(target, file);
    try {
      await makeFolders(path.dirname(to));
    } catch (error) {
      if (!['EEXIST', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) throw cannotWrite(to, error);
      throw new WishboneError('a file is in the way of a folder with this name', path.dirname(to), 'choose another folder');
    }
    const content = await readFile(path.join(source, file));
    // A link of that name is replaced, not followed.
    await writeFileAtomically(
      to,
      async (handle) => {
        await handle.writeFile(content);
      },
      SHARED_FILE,
    );
  }
}

/** Also for a link that leads nowhere. */
function exists(file: string): Promise<boolean> {
  return lstat(file).then(
    () => true,
    () => false,
  );
}
