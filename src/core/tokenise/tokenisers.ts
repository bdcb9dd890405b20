import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import type { PairText } from '../dataset/index.js';
import { BadRowError, ExitCode, WishboneError } from '../errors.js';
import { ModelTokenizer, PairTokenizer, type TokenOutcome } from '../tokenizer/index.js';
import { batchOf, type TokeniserAnswer, type TokeniserRequest, type TokeniserTask } from './messages.js';
import { packBatch, type LeftOutPairs, type TokenBatch } from './token-store.js';

/** Turns pairs of texts into tokens, in this thread or in others. */
export interface Tokeniser {
  /** Batches that may be under way at once. */
  readonly width: number;
  /** @throws WishboneError for the first pair of the batch that cannot be tokenised */
  tokenise(pairs: readonly PairText[]): Promise<TokenBatch>;
  /** Ends its threads, whatever they are doing. */
  close(): Promise<void>;
}

/** Each thread holds a tokenizer of its own, 100 MB and more for a large vocabulary. */
const mostThreads = 4;

/** The bundled `src/workers/tokenise.ts`, as seen from a bundle in dist/ or in dist/workers/; undefined without one. */
export function tokeniseWorker(): string | undefined {
  if (typeof __dirname !== 'string') return undefined;
  const candidates = [path.join(__dirname, 'workers', 'tokenise.js'), path.join(__dirname, 'tokenise.js')];
  return candidates.find((file) => existsSync(file));
}

/** @throws WishboneError when the model folder's tokenizer cannot be used */
export async function tokeniseHere({ folder, template, options, skipsBadRows = false }: TokeniserTask): Promise<Tokeniser> {
  const tokenizer = new PairTokenizer(await ModelTokenizer.load(folder, template), options);
  return {
    width: 1,
    tokenise: async (pairs) => (skipsBadRows ? tokeniseGoodRows(tokenizer, pairs) : packBatch(tokenizer.tokenizeAll(pairs))),
    close: async () => undefined,
  };
}

/** A row of several pairs is left out whole; its pairs stand together. */
function tokeniseGoodRows(tokenizer: PairTokenizer, pairs: readonly PairText[]): TokenBatch {
  const all = tokenizer.tokenizeEach(pairs);
  const outcomes: TokenOutcome[] = [];
  const leftOut: LeftOutPairs[] = [];
  for (let at = 0, end = 0; at < pairs.length; at = end) {
    const { row, line } = pairs[at] as PairText;
    while (pairs[end]?.row === row) end++;
    const ofRow = all.slice(at, end);
    const bad = ofRow.find((outcome): outcome is BadRowError => outcome instanceof BadRowError);
    if (bad !== undefined) leftOut.push({ row, line, what: bad.what, pairs: end - at });
    else outcomes.push(...(ofRow as TokenOutcome[]));
  }
  return packBatch(outcomes, leftOut);
}

/** @param worker a bundle of `src/workers/tokenise.ts` */
export function tokeniseInThreads(task: TokeniserTask, worker: string, threads?: number): Tokeniser {
  const count = threads ?? Math.min(availableParallelism(), mostThreads);
  const pool = Array.from({ length: count }, () => new TokeniserThread(task, worker));
  return {
    // One at work and one waiting for each thread.
    width: 2 * count,
    tokenise: (pairs) => pool.reduce((a, b) => (b.waiting < a.waiting ? b : a)).tokenise(pairs),
    close: async () => void (await Promise.all(pool.map((thread) => thread.close()))),
  };
}

class TokeniserThread {
  private readonly worker: Worker;
  private readonly pending: { resolve: (batch: TokenBatch) => void; reject: (error: unknown) => void }[] = [];
  private ended: Error | undefined;

  constructor(task: TokeniserTask, file: string) {
    this.worker = new Worker(file, { workerData: task });
    this.worker.on('message', (answer: TokeniserAnswer) => {
      const next = this.pending.shift();
      try {
        next?.resolve(batchOf(answer));
      } catch (error) {
        next?.reject(error);
      }
    });
    this.worker.on('error', (error) => this.end(error));
    this.worker.on('exit', (code) => this.end(new Error(`a tokenising thread ended early with code ${code}`)));
  }

  get waiting(): number {
    return this.pending.length;
  }

  tokenise(pairs: TokeniserRequest): Promise<TokenBatch> {
    return new Promise((resolve, reject) => {
      if (this.ended) {
        reject(this.ended);
        return;
      }
      this.pending.push({ resolve, reject });
      this.worker.postMessage(pairs);
    });
  }

  async close(): Promise<void> {
    await this.worker.terminate();
  }

  private end(error: Error): void {
    const outOfMemory = (error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY';
    this.ended ??= outOfMemory
      ? new WishboneError(
          'a tokenising thread ran out of memory',
          'tokenising the dataset',
          'close other programs, or split rows that are very long',
          ExitCode.outOfMemory,
        )
      : error;
    for (const { reject } of this.pending.splice(0)) reject(this.ended);
  }
}
