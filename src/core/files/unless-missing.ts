import { WishboneError } from '../errors.js';

/**
 * What `read` gives, or undefined where there is no file of the name.
 *
 * @throws WishboneError naming the file when it is there and cannot be read
 */
export async function unlessMissing<T>(file: string, read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof WishboneError) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new WishboneError(`cannot read the file (${(error as Error).message})`, file, 'check the file and its permissions');
  }
}
