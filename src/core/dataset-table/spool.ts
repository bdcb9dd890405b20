import { randomBytes } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ExitCode, WishboneError } from '../errors.js';
import { cannotWrite } from '../files/atomic-file.js';
import { cacheFolder } from '../files/disk-cache.js';
import { makeFolderOf } from '../files/make-folders.js';

/** Bytes that are collected before they are written. */
const CHUNK = 1 << 20;

/**
 * A file on disk that nobody else sees: it has no name once it is open, so it is gone with whoever made it, however that ends.
 * Rows that cannot be read out of their order (of packed files, say) are put here.
 */
export class Spool {
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #written = 0;

  private constructor(
    readonly handle: FileHandle,
    readonly folder: string,
  ) {}

  /**
   * @param folder where it takes its space: the cache's, where nothing can be written there that of temporary files
   * @throws WishboneError when nothing can be written there
   */
  static async make(folder?: string): Promise<Spool> {
    if (folder !== undefined) return Spool.#in(folder);
    return Spool.#in(cacheFolder()).catch((error: unknown) =>
      Spool.#in(tmpdir()).catch(() => {
        throw error;
      }),
    );
  }

  static async #in(folder: string): Promise<Spool> {
    const file = path.join(folder, `.rows-${process.pid}-${randomBytes(6).toString('hex')}`);
    await makeFolderOf(file, 0o700);
    const handle = await open(file, 'wx+', 0o600).catch((error: unknown) => {
      throw cannotWrite(file, error);
    });
    await unlink(file);
    return new Spool(handle, folder);
  }

  /** Where the next bytes go. */
  get end(): number {
    return this.#written + this.#pendingBytes;
  }

  get isFull(): boolean {
    return this.#pendingBytes >= CHUNK;
  }

  add(bytes: Buffer): void {
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
  }

  /** What was added can be read from the handle after this. @throws WishboneError when there is no space */
  async flush(): Promise<void> {
    const bytes = this.#pending.length === 1 ? this.#pending[0]! : Buffer.concat(this.#pending, this.#pendingBytes);
    this.#pending = [];
    this.#pendingBytes = 0;
    for (let at = 0; at < bytes.length; ) {
      const { bytesWritten } = await this.handle.write(bytes, at, bytes.length - at, this.#written).catch((error: unknown) => {
        throw this.#noSpace(error);
      });
      at += bytesWritten;
      this.#written += bytesWritten;
    }
  }

  #noSpace(error: unknown): unknown {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOSPC' && code !== 'EDQUOT' && code !== 'EFBIG') return error;
    return new WishboneError(
      'there is no space for the rows of this file, which are unpacked to be shown',
      this.folder,
      'make space there, or unpack the file yourself to JSON lines, which are shown as they are',
      ExitCode.cannotWrite,
    );
  }
}
