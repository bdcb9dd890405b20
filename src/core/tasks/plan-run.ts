import { stat } from 'node:fs/promises';
import type { PlanSummary, RunRequest } from '../prepare/index.js';
import type { WorkOptions } from '../work/progress.js';
import { ask, runTask, taskProcess } from './index.js';

/** Bytes of a dataset that is tokenised before the runner has answered. */
const SMALL = 1_000_000;

/** What a plan needs to know and tokens do not. */
type Decided = Pick<RunRequest, 'runner' | 'devices' | 'autoCapacity'>;

/**
 * The task `prepare` for a run of which something is left to be decided, which means asking the runner and waiting for it: meanwhile the
 * dataset is tokenised, in the process that plans then.
 *
 * @returns what was decided, and the run
 * @throws what `decide` throws; WishboneError for what is wrong with the dataset
 */
export async function planRun<T extends Decided>(
  request: Omit<RunRequest, keyof Decided>,
  work: WorkOptions,
  decide: () => Promise<T>,
): Promise<T & { readonly folder: string; readonly summary: PlanSummary }> {
  const whole = ({ runner, devices, autoCapacity }: T): RunRequest => ({ ...request, runner, devices, autoCapacity });
  if (!(await isLarge(request))) {
    const decided = await decide();
    return { ...decided, ...(await runTask('prepare', whole(decided), work)) };
  }
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, ...(work.signal === undefined ? [] : [work.signal])]);
  signal.throwIfAborted();
  const process = taskProcess('tokenise');
  const tokens = ask(process, 'tokenise', request, { ...work, signal });
  // Looked at in its turn; until then a failure must not count as one that nobody handles.
  tokens.catch(() => undefined);
  try {
    const decided = await decide();
    await tokens;
    return { ...decided, ...(await ask(process, 'prepare', whole(decided), work)) };
  } finally {
    stop.abort();
    // Nobody waits for what is not wanted any more.
    void tokens.catch(() => undefined).finally(() => process.close());
  }
}

async function isLarge({ dataset, evalDataset = [] }: Omit<RunRequest, keyof Decided>): Promise<boolean> {
  // What is no file, a glob say, may be anything.
  const sizes = [dataset, evalDataset].flat().map((file) =>
    stat(file).then(
      ({ size }) => size,
      () => SMALL,
    ),
  );
  return (await Promise.all(sizes)).some((size) => size >= SMALL);
}
