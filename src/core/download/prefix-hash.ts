import { Worker } from 'node:worker_threads';
import type { WorkOptions } from '../work/progress.js';

/** What a file is held against: SHA-256, or the hash git has for a file's content. In hexadecimal digits. */
export interface Check {
  readonly algorithm: 'sha256' | 'git-sha1';
  readonly digest: string;
}

/** Bytes between two messages to the thread. */
const STEP = 4 << 20;

/** Reads no further than it is told to, so that what it has hashed is what lies in the file. */
const CODE = `
  const { parentPort, workerData: { file, algorithm, size } } = require('node:worker_threads');
  const { openSync, readSync } = require('node:fs');
  const hash = require('node:crypto').createHash(algorithm === 'sha256' ? 'sha256' : 'sha1');
  if (algorithm === 'git-sha1') hash.update('blob ' + size + '\\0');
  const from = openSync(file, 'r');
  const buffer = Buffer.allocUnsafe(1 << 20);
  let at = 0;
  parentPort.on('message', (reach) => {
    while (at < reach) {
      const count = readSync(from, buffer, 0, Math.min(buffer.length, reach - at), at);
      if (count === 0) throw new Error('the file ends early');
      hash.update(buffer.subarray(0, count));
      at += count;
      if (reach === size && at % ${16 << 20} < count) parentPort.postMessage({ at });
    }
    if (at === size) parentPort.postMessage({ digest: hash.digest('hex') });
  });`;

/**
 * The hash of a file that is still coming, worked out by a thread of its own: of its beginning as far as it is there, so that
 * little is left to do at the end, and whoever fetches is not kept from it.
 */
export class PrefixHash {
  readonly #worker: Worker;
  readonly #size: number;
  readonly #digest: Promise<string>;
  #reached = 0;
  #onAt: (at: number) => void = () => undefined;

  /** @param size bytes of the whole file, above 0 */
  constructor(file: string, algorithm: Check['algorithm'], size: number) {
    this.#size = size;
    this.#worker = new Worker(CODE, { eval: true, execArgv: [], workerData: { file, algorithm, size } });
    this.#digest = new Promise((resolve, reject) => {
      this.#worker.on('message', ({ at, digest }: { at?: number; digest?: string }) => {
        if (at !== undefined) this.#onAt(at);
        if (digest !== undefined) resolve(digest);
      });
      this.#worker.on('error', reject);
      this.#worker.on('exit', () => reject(new Error('the thread that hashes has ended')));
    });
    // Asked for at the end, if at all.
    this.#digest.catch(() => undefined);
  }

  /** So many bytes from the beginning on are there, and stay as they are. */
  reach(bytes: number): void {
    if (bytes - this.#reached < STEP || bytes >= this.#size) return;
    this.#reached = bytes;
    this.#worker.postMessage(bytes);
  }

  /** The hash of the file, which is whole. @throws what reading it throws; the signal's reason */
  async digest({ signal, onProgress }: WorkOptions): Promise<string> {
    signal?.throwIfAborted();
    this.#onAt = (at) => onProgress?.({ phase: 'verify', done: at, total: this.#size });
    this.#worker.postMessage(this.#size);
    if (signal === undefined) return this.#digest;
    let abort = (): void => undefined;
    const aborted = new Promise<never>((_, reject) => {
      abort = () => reject(signal.reason as Error);
      signal.addEventListener('abort', abort, { once: true });
    });
    return Promise.race([this.#digest, aborted]).finally(() => signal.removeEventListener('abort', abort));
  }

  /** Ends the thread. */
  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
