import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';
import { WishboneError } from '../../errors.js';
import { openPlain } from '../../files/plain-file.js';
import { Pace } from '../../work/pace.js';
import type { WorkOptions } from '../../work/progress.js';

/** A file that is uploaded. */
export interface PushedFile {
  /** In the repository. */
  readonly path: string;
  readonly file: string;
  readonly size: number;
}

/**
 * The files of a model or adapter folder, small ones first. Hidden and unfinished ones stay where they are.
 *
 * @throws WishboneError when it holds something that is no file, or no model
 */
export async function pushedFiles(folder: string): Promise<PushedFile[]> {
  const names = await readdir(folder, { recursive: true }).catch(() => {
    throw new WishboneError('no such folder', folder, 'give a run, or the folder of a model or an adapter');
  });
  const files: PushedFile[] = [];
  for (const name of names.filter((one) => !one.split(path.sep).some((part) => part.startsWith('.')))) {
    const file = path.join(folder, name);
    const info = await lstat(file);
    if (info.isDirectory()) continue;
    if (!info.isFile())
      throw new WishboneError('only regular files are uploaded, and this is none', file, 'replace it with a copy, or remove it');
    files.push({ path: name.split(path.sep).join('/'), file, size: info.size });
  }
  const has = (name: string): boolean => files.some((file) => file.path === name);
  if (!has('config.json') && !has('adapter_config.json'))
    throw new WishboneError('the folder holds no model and no adapter', folder, 'give a run that has exported one, or such a folder');
  return files.sort((a, b) => a.size - b.size || (a.path < b.path ? -1 : 1));
}

/** SHA-256 (hex) of files, by their paths in the repository. */
export async function hashesOf(files: readonly PushedFile[], work: WorkOptions): Promise<Map<string, string>> {
  const total = files.reduce((sum, { size }) => sum + size, 0);
  const pace = new Pace(work);
  let done = 0;
  const hashes = new Map<string, string>();
  for (const { path: name, file } of files) {
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
      hash.update(chunk);
      done += chunk.length;
      await pace.item(() => ({ phase: 'hash', done, total }));
    }
    hashes.set(name, hash.digest('hex'));
  }
  return hashes;
}

/** The first bytes of a file. */
export async function firstBytes({ file, size }: PushedFile, most: number): Promise<Buffer> {
  const handle = await openPlain(file);
  try {
    const bytes = Buffer.alloc(Math.min(size, most));
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
    return bytes.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
