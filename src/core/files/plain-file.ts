import { isUtf8 } from 'node:buffer';
import { constants, openSync, closeSync, fstatSync, readFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { WishboneError } from '../errors.js';

const MiB = 2 ** 20;

/** Most bytes that are read of a file of some kind; whatever is longer is no file of that kind. */
export const mostBytes = {
  /** What this program writes of itself: a process, labels, a measurement. */
  record: MiB,
  /** What a person writes: `*.wishbone.json`, YAML, `chat_template.jinja`. */
  settings: 16 * MiB,
  /** `run.json`, `config.json` and their like. */
  json: 64 * MiB,
  /** `tokenizer.json` and vocabularies; the largest that are published have 35 MB. */
  tokenizer: 256 * MiB,
  /** A text that is taken in whole; V8 cannot hold a longer one. */
  text: 0x1fffffe8,
} as const;

/**
 * Opens a file for reading that may be anything: a link to a device, a pipe that nobody writes to and a folder are refused
 * before a byte is read, and opening does not wait for anybody.
 *
 * @throws WishboneError when there is something of the name that is no regular file; else the error of the file system
 */
export async function openPlain(file: string): Promise<FileHandle> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) => {
    throw asPlain(file, error);
  });
  try {
    const info = await handle.stat();
    if (!info.isFile()) throw notPlain(file, info.isDirectory());
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * The bytes of a regular file, as many as it had when it was opened.
 *
 * @throws WishboneError when it is no regular file or has more than `most` bytes; else the error of the file system
 */
export async function readPlain(file: string, most: number): Promise<Buffer> {
  const handle = await openPlain(file);
  try {
    const { size } = await handle.stat();
    if (size > most) throw tooLong(file, size, most);
    const bytes = Buffer.allocUnsafe(size);
    let at = 0;
    while (at < size) {
      const { bytesRead } = await handle.read(bytes, at, size - at, at);
      if (bytesRead === 0) break;
      at += bytesRead;
    }
    return bytes.subarray(0, at);
  } finally {
    await handle.close();
  }
}

/** The same as UTF-8 text. */
export async function readPlainText(file: string, most: number): Promise<string> {
  return (await readPlain(file, most)).toString('utf8');
}

/**
 * The text of a file that a person writes, without a byte order mark.
 *
 * @throws WishboneError as {@link readPlain}, and when the bytes are no UTF-8: read as such, names in them would be others
 */
export async function readWrittenText(file: string, most: number): Promise<string> {
  const bytes = await readPlain(file, most);
  const [first, second] = bytes;
  const isUtf16 = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  if (isUtf16 || !isUtf8(bytes)) {
    const advice = `save it as UTF-8${isUtf16 ? ' (in PowerShell: Out-File -Encoding utf8)' : ''}`;
    throw new WishboneError(`the file is ${isUtf16 ? 'UTF-16' : 'not UTF-8'}`, file, advice);
  }
  return bytes.toString('utf8').replace(/^\ufeff/, '');
}

/** The same as {@link readPlainText} at once, where nothing can be awaited. */
export function readPlainTextSync(file: string, most: number): string {
  const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const info = fstatSync(descriptor);
    if (!info.isFile()) throw notPlain(file, info.isDirectory());
    if (info.size > most) throw tooLong(file, info.size, most);
    return readFileSync(descriptor, 'utf8');
  } finally {
    closeSync(descriptor);
  }
}

function notPlain(file: string, isFolder: boolean): WishboneError {
  const what = isFolder ? 'a folder, not a file' : 'not a regular file, but a device, a pipe or the like';
  return new WishboneError(what, file, isFolder ? 'give a file' : 'put a regular file in its place');
}

/** Sockets and devices without a driver fail when they are opened. */
function asPlain(file: string, error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENXIO' || code === 'ENODEV' ? notPlain(file, false) : error;
}

function tooLong(file: string, size: number, most: number): WishboneError {
  const shown = (bytes: number): string => (bytes >= MiB ? `${Math.ceil(bytes / MiB)} MiB` : `${bytes} bytes`);
  return new WishboneError(
    `the file has ${shown(size)}, more than such a file can have (${shown(most)})`,
    file,
    'check that this is the right file',
  );
}
