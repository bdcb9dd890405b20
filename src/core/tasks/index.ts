import type { CheckOptions, CleanedCopy, DatasetCheck } from '../checks/index.js';
import type { DatasetSummary } from '../checks/dataset-summary.js';
import type { FirstRows } from '../dataset/first-rows.js';
import type { PlanForecast, PlanForecastRequest } from '../forecast/plan-forecast.js';
import type { PlanSummary, RunRequest } from '../prepare/index.js';
import type { WorkOptions } from '../work/progress.js';
import type { Completion, TryRequest } from '../sample/index.js';
import type { SpeedupRequest, SpeedupResult } from '../speedup/index.js';
import { type Answer, type Argument, Client, type Handlers, type Method, serve, startThread, threadChannel } from '../transport/index.js';

/** Work that takes long enough to deserve a thread of its own: what it takes and returns. */
export interface Tasks {
  /** `prepareRun` */
  prepare(request: RunRequest): { readonly folder: string; readonly summary: PlanSummary };
  /** `forecastPlan`, for the launch form and the speedup panel. */
  forecast(request: PlanForecastRequest): PlanForecast;
  /** `measureSpeedup`: planning can take long. */
  speedup(request: SpeedupRequest): SpeedupResult;
  /** `tryPrompt`: reading a tokenizer takes a second. Null if there is nothing to complete. */
  sample(request: TryRequest): Completion | null;
  /** `summariseDataset` */
  summarise(request: { readonly file: string; readonly options: CheckOptions }): DatasetSummary;
  /** `checkDataset` */
  check(request: { readonly file: string; readonly options: CheckOptions }): DatasetCheck;
  /** `firstRows` */
  firstRows(file: string): FirstRows;
  /** `writeCleanedCopy`; `rows`: the rows to leave out. */
  clean(task: { readonly file: string; readonly rows: Uint32Array }): CleanedCopy;
}

/** The file in `src/workers` that does each task. */
const workers: { readonly [T in keyof Tasks]: string } = {
  prepare: 'prepare',
  forecast: 'forecast',
  speedup: 'speedup',
  sample: 'sample',
  summarise: 'summarise-dataset',
  firstRows: 'first-rows',
  check: 'clean-dataset',
  clean: 'clean-dataset',
};

/**
 * Runs a task in a thread of its own, so that the caller stays responsive. Aborting asks the thread to stop; the promise
 * rejects with the signal's reason once it has cleaned up.
 *
 * @param work.worker a bundle of `src/workers`; by default the one beside this bundle
 * @throws WishboneError what the task throws
 */
export async function runTask<T extends Method<Tasks>>(
  task: T,
  argument: Argument<Tasks, T>,
  work: WorkOptions & { readonly worker?: string | undefined } = {},
): Promise<Answer<Tasks, T>> {
  work.signal?.throwIfAborted();
  const client = new Client<Tasks>(startThread(work.worker ?? workers[task]));
  try {
    return await client.call(task, argument, work);
  } finally {
    client.close();
  }
}

/** The thread's side of {@link runTask}. @param tasks the ones this file of `src/workers` does */
export function serveTasks<T extends Method<Tasks>>(tasks: Handlers<Pick<Tasks, T>>): void {
  serve<Pick<Tasks, T>>(threadChannel(), tasks);
}
