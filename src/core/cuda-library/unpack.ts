import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import type { Entry, Options, ZipFile } from 'yauzl';
import { SHARED_FILE, writeFileAtomically } from '../files/atomic-file.js';
import { WishboneError } from '../errors.js';
import type { WorkOptions } from '../work/progress.js';

/**
 * Writes one file of a zip, whichever folder of it that is in. It is there whole or not at all.
 *
 * @param name its base name
 * @throws WishboneError when the zip is none or has no such file, or the target cannot be written; the signal's reason
 */
export async function unpackMember(zip: string, name: string, target: string, { signal, onProgress }: WorkOptions = {}): Promise<void> {
  const damaged = (why: string): WishboneError =>
    new WishboneError(`the wheel cannot be unpacked: ${why}`, zip, 'remove it and fetch it again');
  const { open } = await import('yauzl');
  const archive = await promisify<string, Options, ZipFile>(open)(zip, { lazyEntries: true, autoClose: false }).catch((error: Error) => {
    throw damaged(error.message);
  });
  try {
    const entry = await findEntry(archive, name).catch((error: Error) => {
      throw damaged(error.message);
    });
    if (entry === undefined) throw damaged(`it has no ${name}`);
    await writeFileAtomically(
      target,
      async (handle) => {
        const stream = await new Promise<Readable>((resolve, reject) =>
          archive.openReadStream(entry, (error, opened) => (error === null ? resolve(opened) : reject(error))),
        );
        let done = 0;
        for await (const chunk of stream) {
          signal?.throwIfAborted();
          await handle.writeFile(chunk as Buffer);
          done += (chunk as Buffer).length;
          onProgress?.({ phase: 'unpack', done, total: entry.uncompressedSize });
        }
      },
      SHARED_FILE,
    );
  } finally {
    archive.close();
  }
}

function findEntry(archive: ZipFile, name: string): Promise<Entry | undefined> {
  return new Promise((resolve, reject) => {
    archive.on('error', reject);
    archive.on('end', () => resolve(undefined));
    archive.on('entry', (entry: Entry) => {
      if (entry.fileName === name || entry.fileName.endsWith(`/${name}`)) resolve(entry);
      else archive.readEntry();
    });
    archive.readEntry();
  });
}
