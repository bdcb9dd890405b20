import { createHash } from 'node:crypto';
import { openPlain } from './plain-file.js';

/** SHA-256 (hex) of a file's bytes. */
export async function fileHash(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of (await openPlain(file)).createReadStream() as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest('hex');
}
