import { isUtf8 } from 'node:buffer';
import { mostBytes, readPlain } from '../files/plain-file.js';
import { fileLines } from './file-lines.js';

/**
 * The rows of a file whose bytes are no UTF-8, as a decoder reads them. For a file that is not JSON lines these are its
 * lines.
 *
 * @throws the error of the file system
 */
export async function rowsOfBadBytes(file: string): Promise<ReadonlySet<string>> {
  return badRowsIn(file, await readPlain(file, mostBytes.text));
}

/** The same of a file whose bytes have been read. */
export async function badRowsIn(file: string, bytes: Uint8Array): Promise<ReadonlySet<string>> {
  const bad = new Set<string>();
  if (isUtf8(bytes)) return bad;
  for await (const line of fileLines(file)) if (!line.isUtf8) bad.add(line.text);
  return bad;
}
