import { stat } from 'node:fs/promises';
import type { DatasetRequest } from '../tokenise/index.js';
import type { WorkOptions } from '../work/progress.js';
import { runTask } from './index.js';

/** Bytes of a dataset that is tokenised before a process for it has started. */
const SMALL = 1_000_000;

/**
 * Decides what a plan needs to know and tokens do not, which means asking the runner and waiting for it; meanwhile the dataset is
 * tokenised into the cache, where the tasks `prepare` and `plan` find it.
 *
 * @returns what was decided, once the tokens are there
 * @throws what `decide` throws; WishboneError for what is wrong with the dataset
 */
export async function withTokensAhead<T>(request: DatasetRequest, work: WorkOptions, decide: () => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, ...(work.signal === undefined ? [] : [work.signal])]);
  const tokens = isLarge(request).then((large) => (large ? runTask('tokenise', request, { ...work, signal }) : undefined));
  // Looked at in its turn; until then a failure must not count as one that nobody handles.
  tokens.catch(() => undefined);
  try {
    const decided = await decide();
    await tokens;
    return decided;
  } finally {
    stop.abort();
  }
}

async function isLarge({ dataset, evalDataset = [], cacheLimit }: DatasetRequest): Promise<boolean> {
  if (cacheLimit === 0) return false;
  // What is no file, a glob say, may be anything.
  const sizes = [dataset, evalDataset].flat().map((file) =>
    stat(file).then(
      ({ size }) => size,
      () => SMALL,
    ),
  );
  return (await Promise.all(sizes)).some((size) => size >= SMALL);
}
