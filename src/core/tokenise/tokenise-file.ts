import { LeftOutList, nothingLeft, withWayOut, type Dataset, type LeftOutRows, type PairText } from '../dataset/index.js';
import { BadRowError, type WishboneError } from '../errors.js';
import { InOrder, OWN_BATCH, SMALL_FILE, THREAD_BATCH } from '../work/batches.js';
import { Pace } from '../work/pace.js';
import type { WorkOptions } from '../work/progress.js';
import { type ThreadOptions, workerBundle } from '../transport/index.js';
import type { TokeniserTask } from './messages.js';
import { tokeniseInThreads } from './threads.js';
import { TokenStore, type TokenBatch } from './token-store.js';
import { tokeniseHere, type Tokeniser } from './tokenisers.js';

/** What a file came to. */
export interface TokenisedFile {
  readonly store: TokenStore;
  readonly leftOut: LeftOutRows;
  /** Pairs that the rows left out by the tokenizer would have made. */
  readonly unmade: number;
}

/**
 * Reads a dataset and tokenises its pairs: a small one in this thread, a large one in others while this one reads.
 * Only what is under way is in memory as text. A task that skips bad rows leaves them out and lists them.
 *
 * @throws WishboneError for the first thing that is wrong with the file, in the file's order; where bad rows are left
 *   out, for what is wrong with the file as a whole, or when nothing is left of it
 */
export async function tokeniseFile(
  dataset: Dataset,
  task: TokeniserTask,
  work: WorkOptions,
  options: ThreadOptions = {},
): Promise<TokenisedFile> {
  const worker = dataset.bytesTotal < SMALL_FILE ? options.worker : (options.worker ?? workerBundle('tokenise'));
  const tokeniser = worker === undefined ? await tokeniseHere(task) : tokeniseInThreads(task, worker, options.threads);
  try {
    return await collect(dataset, tokeniser, work, task.skipsBadRows === true);
  } catch (error) {
    throw error instanceof BadRowError && task.skipsBadRows !== true ? withWayOut(error) : error;
  } finally {
    await tokeniser.close();
  }
}

async function collect(dataset: Dataset, tokeniser: Tokeniser, work: WorkOptions, skipsBadRows: boolean): Promise<TokenisedFile> {
  const pace = new Pace(work);
  const progress = () => ({ phase: 'tokenise', done: dataset.bytesRead, total: dataset.bytesTotal });
  const store = new TokenStore();
  const leftOut = new LeftOutList();
  let unmade = 0;
  const batchLength = tokeniser.width > 1 ? THREAD_BATCH : OWN_BATCH;
  const batches = new InOrder<TokenBatch>(tokeniser.width, (done) => {
    store.add(done);
    for (const row of done.leftOut ?? []) {
      leftOut.add(row, row);
      unmade += row.pairs;
    }
  });
  let batch: PairText[] = [];
  let length = 0;
  const send = async (): Promise<void> => {
    if (batch.length === 0) return;
    const begun = tokeniser.tokenise(batch);
    batch = [];
    length = 0;
    await batches.begin(begun);
  };
  try {
    for await (const outcome of dataset.outcomes()) {
      if ('error' in outcome) {
        if (outcome.isLast) throw outcome.error;
        if (!skipsBadRows) throw badRow(outcome.error);
        leftOut.add(outcome, outcome.error);
      } else {
        // The pairs of a row stay together: one that is bad takes the others with it.
        if (length >= batchLength && batch.at(-1)?.row !== outcome.row) await send();
        batch.push(outcome.pair);
        length += textLength(outcome.pair);
      }
      await pace.item(progress);
    }
  } catch (error) {
    work.signal?.throwIfAborted();
    // What is wrong with an earlier row comes first.
    await send();
    await batches.end();
    throw error;
  }
  await send();
  await batches.end();
  work.signal?.throwIfAborted();
  const { found } = leftOut;
  const { pairs, skipped } = store.counts;
  if (found.rows > 0 && pairs + skipped === 0) throw nothingLeft(dataset.file, found);
  return { store, leftOut: found, unmade };
}

function badRow({ what, where, advice, exitCode }: WishboneError): BadRowError {
  return new BadRowError(what, where, advice, exitCode);
}

function textLength(pair: PairText): number {
  if (pair.kind === 'text') return pair.prompt.length + pair.chosen.length + pair.rejected.length;
  let length = 0;
  for (const part of [pair.prompt, pair.chosen, pair.rejected]) {
    for (const { content } of part) length += (content?.length ?? 0) + 16;
  }
  return length;
}
