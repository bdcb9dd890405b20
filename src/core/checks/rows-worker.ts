import { type Channel, serve, type ThreadOptions, ThreadPool, workerBundle } from '../transport/index.js';
import { OWN_BATCH, SMALL_FILE, THREAD_BATCH } from '../work/batches.js';
import { checkRow, type RowCheck } from './row.js';
import type { RowSettings } from './row-pairs.js';
import type { RowTokenizer } from './row-tokens.js';
import { TokenizerShelf } from './tokenizer-shelf.js';
import type { RowProblem } from './types.js';

/** How rows are looked at. */
export interface RowTask {
  readonly settings: RowSettings;
  /** False when they are parts of one JSON text: where a malformed row ends is a guess then, and none behind it is looked at. */
  readonly onOwnLines: boolean;
  /** Model folder whose tokenizer and chat template they are tried with, if any. */
  readonly model: string | undefined;
  /** Most tokens of a sequence. */
  readonly maxLength: number;
}

/** What a row tells by itself, and what tokenising it has found. */
export interface CheckedRow {
  readonly check: RowCheck;
  readonly tokens: readonly RowProblem[];
}

/** Looks at rows by their JSON texts, in this thread or in others. */
export interface RowWorker {
  /** Batches that may be under way at once, and the characters that one should have. */
  readonly width: number;
  readonly batch: number;
  /**
   * @returns fewer rows than texts when it ends at a malformed one
   * @throws WishboneError when the model folder cannot be used, or lacks what rows of this kind need
   */
  check(texts: readonly string[]): Promise<readonly CheckedRow[]>;
  /** Ends its threads, whatever they are doing. */
  close(): Promise<void>;
}

/** What a thread can be asked. */
export interface RowCalls {
  /** Must come first. If the tokenizer cannot be loaded, every batch fails with that error too. */
  open(task: RowTask): void;
  /** JSON of the rows that were checked: it is made and read in half the time that a copy of the objects takes. */
  check(texts: readonly string[]): string;
}

const tokenizers = new TokenizerShelf();

/**
 * Who checks the rows of a file: this thread, if it has few, since it is done before another one has begun; else others.
 *
 * @param characters of the file
 * @throws WishboneError when the model folder's tokenizer cannot be used
 */
export async function rowWorker(task: RowTask, characters: number, { worker, threads }: ThreadOptions = {}): Promise<RowWorker> {
  const isSmall = threads === 0 || (characters < SMALL_FILE && worker === undefined);
  const bundle = isSmall ? undefined : (worker ?? workerBundle('check-rows'));
  return bundle === undefined ? checkRowsHere(task) : checkRowsInThreads(task, bundle, threads);
}

/** @throws WishboneError when the model folder's tokenizer cannot be used */
async function checkRowsHere({ settings, onOwnLines, model, maxLength }: RowTask): Promise<RowWorker> {
  const tokenizer: RowTokenizer | undefined = model === undefined ? undefined : await tokenizers.load(model);
  const longest = Math.min(maxLength, tokenizer?.maxPositions ?? Infinity);
  return {
    width: 0,
    batch: OWN_BATCH,
    check: async (texts) => {
      const checks: RowCheck[] = [];
      for (const text of texts) {
        checks.push(checkRow(text, settings));
        if (!onOwnLines && checks.at(-1)?.isJson === false) break;
      }
      const tokens = tokenizer?.rows(texts.slice(0, checks.length), longest, settings);
      return checks.map((check, at) => ({ check, tokens: tokens?.[at]?.problems ?? [] }));
    },
    close: async () => undefined,
  };
}

/** @param worker a bundle of `src/workers/check-rows.ts` */
function checkRowsInThreads(task: RowTask, worker: string, threads?: number): RowWorker {
  const pool = new ThreadPool<RowCalls>(worker, 'checking the dataset', threads);
  pool.tellAll('open', task);
  return {
    width: pool.width,
    batch: THREAD_BATCH,
    check: async (texts) => JSON.parse(await pool.call('check', texts)) as CheckedRow[],
    close: () => pool.close(),
  };
}

/** A thread's side of {@link rowWorker}. */
export function serveRows(channel: Channel): void {
  let rows: Promise<RowWorker> | undefined;
  serve<RowCalls>(channel, {
    open: async (task) => void (await (rows = checkRowsHere(task))),
    check: async (texts) => {
      if (rows === undefined) throw new Error('nothing says how rows are looked at');
      return JSON.stringify(await (await rows).check(texts));
    },
  });
}
