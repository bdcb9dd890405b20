import type { Dataset, PairText } from '../dataset/index.js';
import { Pace } from '../pace.js';
import type { WorkOptions } from '../progress.js';
import { tokeniseHere, tokeniseInThreads, tokeniseWorker, type Tokeniser } from './tokenisers.js';
import type { TokeniserTask } from './messages.js';
import { TokenStore, type TokenBatch } from './token-store.js';

/** Characters of text in a batch, about: for other threads, and for this one, which has to look up now and then. */
const threadBatch = 1 << 18;
const ownBatch = 1 << 14;
/** A smaller file is done before a thread has loaded its tokenizer. */
const smallFile = 2_000_000;

/** How tokenising is divided. */
export interface ThreadOptions {
  /** The bundle of `src/workers/tokenise.ts`; by default the one beside this bundle. */
  readonly worker?: string | undefined;
  /** By default one for each core, four at most. */
  readonly threads?: number | undefined;
}

/**
 * Reads a dataset and tokenises its pairs: a small one in this thread, a large one in others while this one reads.
 * Only what is under way is in memory as text.
 *
 * @throws WishboneError for the first thing that is wrong with the file, in the file's order
 */
export async function tokeniseFile(
  dataset: Dataset,
  task: TokeniserTask,
  work: WorkOptions,
  options: ThreadOptions = {},
): Promise<TokenStore> {
  const worker = dataset.bytesTotal < smallFile ? options.worker : (options.worker ?? tokeniseWorker());
  const tokeniser = worker === undefined ? await tokeniseHere(task) : tokeniseInThreads(task, worker, options.threads);
  try {
    return await collect(dataset, tokeniser, work);
  } finally {
    await tokeniser.close();
  }
}

async function collect(dataset: Dataset, tokeniser: Tokeniser, work: WorkOptions): Promise<TokenStore> {
  const pace = new Pace(work);
  const progress = () => ({ phase: 'tokenise', done: dataset.bytesRead, total: dataset.bytesTotal });
  const store = new TokenStore();
  const batchLength = tokeniser.width > 1 ? threadBatch : ownBatch;
  const underWay: Promise<TokenBatch>[] = [];
  const finish = async (most: number): Promise<void> => {
    while (underWay.length > most) store.add(await (underWay.shift() as Promise<TokenBatch>));
  };
  let batch: PairText[] = [];
  let length = 0;
  const send = async (): Promise<void> => {
    if (batch.length === 0) return;
    const promise = tokeniser.tokenise(batch);
    // Looked at in its turn; until then a failure must not count as one that nobody handles.
    promise.catch(() => undefined);
    underWay.push(promise);
    batch = [];
    length = 0;
    await finish(tokeniser.width);
  };
  try {
    for await (const pair of dataset.pairs()) {
      batch.push(pair);
      length += textLength(pair);
      if (length >= batchLength) await send();
      await pace.item(progress);
    }
  } catch (error) {
    work.signal?.throwIfAborted();
    // What is wrong with an earlier row comes first.
    await send();
    await finish(0);
    throw error;
  }
  await send();
  await finish(0);
  work.signal?.throwIfAborted();
  return store;
}

function textLength(pair: PairText): number {
  if (pair.kind === 'text') return pair.prompt.length + pair.chosen.length + pair.rejected.length;
  let length = 0;
  for (const part of [pair.prompt, pair.chosen, pair.rejected]) {
    for (const { content } of part) length += (content?.length ?? 0) + 16;
  }
  return length;
}
