import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WishboneError } from '../errors.js';
import { cannotWrite } from '../files/atomic-file.js';
import { makeFolders } from '../files/make-folders.js';
import type { WorkOptions } from '../work/progress.js';
import type { Extent } from './extents.js';
import { type Ask, ConnectionError, get, type Network } from './http.js';
import { discardPart, endJournal, PartFile, type PartWriter } from './part-file.js';
import { type Check, PrefixHash } from './prefix-hash.js';

export { discardPart, fetchedBytes } from './part-file.js';
export type { Check } from './prefix-hash.js';

/** A file elsewhere. */
export interface Remote extends Omit<Ask, 'headers'> {
  readonly url: string;
  /** Bytes; undefined when nobody says. */
  readonly size: number | undefined;
  readonly check: Check;
}

export interface DownloadOptions {
  /** Parts of a large file that are fetched at a time. */
  readonly connections?: number | undefined;
  /** Milliseconds before a cut connection is taken up again. */
  readonly pause?: number | undefined;
}

/** How often a cut connection is taken up again before somebody has to. */
const MOST_CUTS = 3;
const PAUSE_MILLISECONDS = 1000;
/** Seconds that a server may ask to be left alone for before somebody is told. */
const LONGEST_WAIT = 60;
/** Bytes asked for at a time where several connections share a file. */
const SPAN = 32 << 20;

/** Files from so many bytes on are hashed while they come. */
const HASHED_WHILE = 8 << 20;

/** The server sends all of a file when it is asked for a part. */
class NoRanges extends Error {}

/**
 * Fetches a file, going on where an earlier attempt ended (a killed one too), and checks its size and hash.
 *
 * @returns with the file whole, synced, and nothing beside it
 * @throws WishboneError when a connection stays cut (what came stays, to go on from), the disk is full, or the content is
 *   other than promised (what came goes); what `refuse` makes of a server's no; the signal's reason
 */
export async function download(
  remote: Remote,
  file: string,
  network: Network,
  work: WorkOptions = {},
  { connections = 1, pause = PAUSE_MILLISECONDS }: DownloadOptions = {},
): Promise<void> {
  let part;
  try {
    await makeFolders(path.dirname(file));
    part = await PartFile.open(file);
  } catch (error) {
    throw cannotWrite(file, error);
  }
  const { size = 0, check } = remote;
  const begin = (): PrefixHash | undefined => (size < HASHED_WHILE ? undefined : new PrefixHash(file, check.algorithm, size));
  let hash = begin();
  try {
    try {
      const fetch = new Fetch(remote, part, network, work, pause);
      try {
        await fetch.gaps(connections, (bytes) => hash?.reach(bytes));
      } catch (error) {
        if (!(error instanceof NoRanges)) throw error;
        // What has been hashed is written anew.
        await hash?.close();
        await fetch.whole();
        hash = begin();
      }
      // The rest is hashed meanwhile; a failure of either is one of both.
      await Promise.all([part.sync(), verify(remote, file, work, hash)]);
    } finally {
      await part.close();
    }
  } finally {
    await hash?.close();
  }
  await endJournal(file);
}

/** One attempt at a file. */
class Fetch {
  #done: number;
  #total: number;
  #onPrefix: (bytes: number) => void = () => undefined;
  readonly #begin: { readonly at: number; readonly done: number };

  constructor(
    readonly remote: Remote,
    readonly part: PartFile,
    readonly network: Network,
    readonly work: WorkOptions,
    readonly pause: number,
  ) {
    this.#done = part.extents.bytes;
    this.#total = remote.size ?? 0;
    this.#begin = { at: performance.now(), done: this.#done };
  }

  /**
   * Fetches what is missing.
   *
   * @param onPrefix is told how much of the beginning is there
   * @throws NoRanges when only the whole can be had
   */
  async gaps(connections: number, onPrefix: (bytes: number) => void): Promise<void> {
    this.#onPrefix = onPrefix;
    onPrefix(this.part.extents.prefix);
    const { size } = this.remote;
    const { extents } = this.part;
    this.#report();
    if (size === undefined)
      return this.#span([extents.gaps(Number.MAX_SAFE_INTEGER)[0]?.[0] ?? 0, Number.POSITIVE_INFINITY], this.work.signal);
    const gaps = extents.gaps(size);
    const spans = connections === 1 ? gaps : gaps.flatMap(cut);
    const failed = new AbortController();
    const signal = this.work.signal === undefined ? failed.signal : AbortSignal.any([this.work.signal, failed.signal]);
    const worker = async (): Promise<void> => {
      for (let span = spans.shift(); span !== undefined; span = spans.shift()) await this.#span(span, signal);
    };
    const workers = Array.from({ length: Math.min(connections, spans.length) }, worker);
    try {
      await Promise.all(workers);
    } catch (error) {
      failed.abort(error);
      // Nobody writes any more when the file is closed.
      await Promise.allSettled(workers);
      this.work.signal?.throwIfAborted();
      throw error;
    }
  }

  /** Fetches all of it, for servers that know no parts. */
  async whole(): Promise<void> {
    this.#done = 0;
    this.#onPrefix = () => undefined;
    await this.#span([0, this.remote.size ?? Number.POSITIVE_INFINITY], this.work.signal, true);
  }

  async #span([begin, end]: Extent, signal: AbortSignal | undefined, fromStart = false): Promise<void> {
    let writer = this.part.writer(begin);
    for (let cuts = 0; writer.at < end; ) {
      const before = writer.at;
      try {
        await this.#fetch(writer, end, signal);
        return;
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof ConnectionError)) throw error;
        // A connection that brings something each time gets there.
        cuts = writer.at > before && !fromStart ? 1 : cuts + 1;
        const wait = error.retryAfter ?? 0;
        if (cuts > MOST_CUTS || wait > LONGEST_WAIT) throw staysCut(this.remote, error);
        if (fromStart) {
          this.#done -= writer.at - begin;
          writer = this.part.writer(begin);
        }
        await sleep(Math.max(this.pause * cuts, wait * 1000), undefined, signal === undefined ? {} : { signal }).catch(() =>
          signal?.throwIfAborted(),
        );
      }
    }
  }

  async #fetch(writer: PartWriter, end: number, signal: AbortSignal | undefined): Promise<void> {
    const { remote, part, network } = this;
    const begin = writer.at;
    const toEnd = end === (remote.size ?? Number.POSITIVE_INFINITY);
    const range = begin === 0 && toEnd ? undefined : `bytes=${begin}-${toEnd ? '' : end - 1}`;
    const headers = { 'Accept-Encoding': 'identity', ...(range === undefined ? {} : { Range: range }) };
    const response = await get(remote.url, { ...remote, headers }, network, signal);
    try {
      const isPart = response.statusCode === 206;
      if (range !== undefined && !isPart) throw new NoRanges();
      const starts = isPart ? Number(/^bytes (\d+)-/.exec(response.headers['content-range'] ?? '')?.[1] ?? Number.NaN) : 0;
      if (starts !== begin) throw new NoRanges();
      const length = Number(response.headers['content-length'] ?? Number.NaN);
      const last = Number.isFinite(end) ? end : Number.isFinite(length) ? begin + length : undefined;
      if (last !== undefined && remote.size === undefined) this.#total = last;
      for await (const chunk of response) {
        const bytes = (chunk as Buffer).subarray(0, Math.max(0, end - writer.at));
        await writer.write(bytes);
        this.#done += bytes.length;
        this.#report();
        this.#onPrefix(part.extents.prefix);
        if (writer.at === end) break;
      }
      if (last !== undefined && writer.at < last) throw new ConnectionError(`it ended after ${writer.at} of ${last} bytes`);
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason;
      if (error instanceof NoRanges || error instanceof ConnectionError) throw error;
      const { syscall, code = '' } = error as NodeJS.ErrnoException;
      if (syscall === 'write' && !['EPIPE', 'ECONNRESET'].includes(code)) throw cannotWrite(part.file, error);
      throw new ConnectionError((error as Error).message);
    } finally {
      response.destroy();
      await writer.note().catch((error: unknown) => Promise.reject(cannotWrite(part.file, error)));
    }
  }

  #report(): void {
    const [done, total] = [this.#done, this.#total];
    const seconds = (performance.now() - this.#begin.at) / 1000;
    const came = done - this.#begin.done;
    const left = seconds > 2 && came > 0 && total > 0 ? { secondsLeft: (seconds * (total - done)) / came } : {};
    this.work.onProgress?.({ phase: 'download', done, total, ...left });
  }
}

function cut([begin, end]: Extent): Extent[] {
  const spans: Extent[] = [];
  for (let at = begin; at < end; at += SPAN) spans.push([at, Math.min(at + SPAN, end)]);
  return spans;
}

function staysCut({ url }: Remote, { message, status, retryAfter }: ConnectionError): WishboneError {
  const goesOn = 'the download continues where it stopped';
  if (status === 429) {
    const when = retryAfter === undefined ? 'wait a little' : `wait ${Math.ceil(retryAfter)} seconds`;
    return new WishboneError(`${message}: too many requests`, url, `${when} and try again; ${goesOn}`);
  }
  const advice = `check the network (behind a proxy: http.proxy, HTTPS_PROXY) and try again; ${goesOn}`;
  return new WishboneError(`the connection failed: ${message}`, url, advice);
}

/** @throws WishboneError, having removed the file, when it is another */
async function verify({ check, size, url }: Remote, file: string, work: WorkOptions, hash: PrefixHash | undefined): Promise<void> {
  const has = (await stat(file)).size;
  const wrong =
    size !== undefined && has !== size
      ? `it has ${has} bytes, not ${size}`
      : await digestOf(file, check.algorithm, has, work, hash).then((found) =>
          found === check.digest ? undefined : `its hash begins with ${found.slice(0, 12)}, not ${check.digest.slice(0, 12)}`,
        );
  if (wrong === undefined) return;
  await discardPart(file);
  throw new WishboneError(
    `the file is not what was promised: ${wrong}`,
    url,
    'try again; if it happens again, something on the way alters files: use another network, mirror or index',
  );
}

async function digestOf(
  file: string,
  algorithm: Check['algorithm'],
  total: number,
  work: WorkOptions,
  hash: PrefixHash | undefined,
): Promise<string> {
  if (hash === undefined) return hashOf(file, algorithm, total, work);
  return hash.digest(work).catch((error: unknown) => {
    if (work.signal?.aborted === true) throw error;
    // Its thread has ended, out of memory for one.
    return hashOf(file, algorithm, total, work);
  });
}

async function hashOf(file: string, algorithm: Check['algorithm'], total: number, { signal, onProgress }: WorkOptions): Promise<string> {
  const hash = createHash(algorithm === 'sha256' ? 'sha256' : 'sha1');
  if (algorithm === 'git-sha1') hash.update(`blob ${total}\0`);
  let done = 0;
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20, ...(signal === undefined ? {} : { signal }) })) {
    hash.update(chunk as Buffer);
    done += (chunk as Buffer).length;
    onProgress?.({ phase: 'verify', done, total });
  }
  return hash.digest('hex');
}
