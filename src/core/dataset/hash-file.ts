import { ByteSource } from './source.js';

/** SHA-256 (hex) of a dataset file's bytes on disk. @throws WishboneError when it cannot be read */
export async function hashDatasetFile(file: string, signal?: AbortSignal): Promise<string> {
  const source = await ByteSource.open(file);
  await source.readThrough(signal);
  return source.sha256;
}
