import { totalmem } from 'node:os';
import type { CheckOptions, CleanedCopy, DatasetCheck, DatasetCheckOptions } from '../checks/index.js';
import type { DatasetSource } from '../dataset/index.js';
import type { DatasetSummary } from '../checks/dataset-summary.js';
import type { FirstRows } from '../dataset/first-rows.js';
import type { PlanForecast, PlanForecastRequest } from '../forecast/plan-forecast.js';
import type { CurveRequest, PairCurve, PairList, PairListRequest, Verdicts } from '../pairs/index.js';
import type { PlanSummary, RunRequest } from '../prepare/index.js';
import { WishboneError } from '../errors.js';
import type { GgufRequest, GgufResult } from '../gguf/request.js';
import type { OllamaTemplate } from '../gguf/ollama-template.js';
import type { WorkOptions } from '../work/progress.js';
import type { DatasetRequest } from '../tokenise/index.js';
import type { SampleEvent } from '../events/events.js';
import type { Sample, SampleRequest, SampleText } from '../sample/index.js';
import type { Judgement, JudgePlan, JudgeReport, JudgeRequest } from '../judge/index.js';
import type { WhyAnswer, WhyRequest } from '../why/index.js';
import type { SpeedupRequest, SpeedupResult } from '../speedup/index.js';
import {
  type Answer,
  type Argument,
  Client,
  type Handlers,
  LeftAlone,
  type Limits,
  type Method,
  ownChannel,
  readingEnded,
  serve,
  startProcess,
  workerBundle,
} from '../transport/index.js';

/**
 * Work that reads datasets, templates and tokenizers, which may come from anywhere: what is asked, and the answer. It is
 * done in a process of its own, and so ends when it is asked to, whatever it is doing.
 */
export interface Tasks {
  /** `prepareRun`; on tokens that `tokenise` has just made in the same process, if it did. */
  prepare(request: RunRequest): { readonly folder: string; readonly summary: PlanSummary };
  /** `tokeniseDataset`: its tokens are in the cache then. */
  tokenise(request: DatasetRequest): void;
  /** `obtainPlan`, and writes what files are named for. */
  plan(task: { readonly request: DatasetRequest; readonly out?: string | undefined; readonly evalOut?: string | undefined }): PlanSummary;
  /** `sampleRun`, for the command line. */
  samples(request: SampleRequest): readonly Sample[];
  /** `forecastPlan`, for the launch form and the speedup panel. */
  forecast(request: PlanForecastRequest): PlanForecast;
  /** `measureSpeedup`: planning can take long. */
  speedup(request: SpeedupRequest): SpeedupResult;
  /** `decodeSamples` */
  decode(task: { readonly model: string; readonly samples: readonly SampleEvent[] }): readonly SampleText[];
  /** `summariseDataset` */
  summarise(request: { readonly file: string; readonly options: CheckOptions }): DatasetSummary;
  /** `checkDataset` */
  check(task: {
    readonly source: Pick<DatasetSource, 'path' | 'columns'>;
    readonly options: Omit<DatasetCheckOptions, keyof WorkOptions>;
  }): DatasetCheck;
  /** `compareRuns` on run folders: plans and records of pairs can be large. */
  compare(folders: readonly string[]): Verdicts;
  /** `listPairs`: the same. */
  pairs(request: PairListRequest): PairList;
  /** `readPairCurve`: the same. */
  pairCurve(request: CurveRequest): PairCurve;
  /** `explainChosen`: the same, and the models of a run may be asked. */
  why(request: WhyRequest): WhyAnswer;
  /** `Judging.plan`: what judging would take. `judge` in the same process has its prompts then. */
  planJudging(request: JudgeRequest): JudgePlan;
  /** `Judging.judge`: its models are asked, and a judge. */
  judge(request: JudgeRequest): JudgeReport;
  /** `readJudgement` */
  judgement(request: { readonly folder: string; readonly id?: string | undefined }): Judgement;
  /** `readJudgements`, the newest first */
  judgements(folder: string): readonly JudgeReport[];
  /** `lineOfRow`: the file may be large. Null when it has no such line. */
  lineOfRow(place: { readonly file: string; readonly row: number }): number | null;
  /** `firstRows` */
  firstRows(file: string): FirstRows;
  /** `exportGguf` */
  gguf(request: GgufRequest): GgufResult;
  /** `ollamaChat` */
  ollamaChat(folder: string): OllamaTemplate;
  /** `writeCleanedCopy`; `rows`: the rows to leave out. */
  clean(task: { readonly file: string; readonly rows: Uint32Array }): CleanedCopy;
}

/** The file in `src/workers` that does each task. */
const WORKERS: { readonly [T in keyof Tasks]: string } = {
  prepare: 'prepare',
  tokenise: 'prepare',
  plan: 'prepare',
  samples: 'sample',
  decode: 'sample',
  forecast: 'forecast',
  speedup: 'speedup',
  summarise: 'summarise-dataset',
  compare: 'compare',
  pairs: 'compare',
  pairCurve: 'compare',
  why: 'why',
  planJudging: 'judge',
  judge: 'judge',
  judgement: 'judge',
  judgements: 'judge',
  lineOfRow: 'compare',
  firstRows: 'first-rows',
  gguf: 'gguf',
  ollamaChat: 'gguf',
  check: 'clean-dataset',
  clean: 'clean-dataset',
};

/** Files that a task reads and that may be at fault when it ends early. */
const READ_BY: { readonly [T in keyof Tasks]: (argument: Argument<Tasks, T>) => readonly string[] } = {
  prepare: ({ dataset, model }) => [...[dataset].flat(), model],
  tokenise: ({ dataset, model }) => [...[dataset].flat(), model],
  plan: ({ request: { dataset, model } }) => [...[dataset].flat(), model],
  samples: ({ folder }) => [folder],
  forecast: ({ dataset, model }) => [...[dataset].flat(), model],
  speedup: ({ dataset, model }) => [...[dataset].flat(), model],
  decode: ({ model }) => [model],
  summarise: ({ file, options: { model } }) => [file, ...(model === undefined ? [] : [model])],
  compare: (folders) => folders,
  pairs: ({ folder }) => [folder],
  pairCurve: ({ folder }) => [folder],
  why: ({ folder }) => [folder],
  planJudging: ({ folder }) => [folder],
  judge: ({ folder }) => [folder],
  judgement: ({ folder }) => [folder],
  judgements: (folder) => [folder],
  lineOfRow: ({ file }) => [file],
  firstRows: (file) => [file],
  gguf: ({ model, adapter }) => [model, ...(adapter === undefined ? [] : [adapter])],
  ollamaChat: (folder) => [folder],
  check: ({ source, options: { model } }) => [source.path, ...(model === undefined ? [] : [model])],
  clean: ({ file }) => [file],
};

/** Nobody asks for these: they are not tried again on files that have ended them before. */
const UNASKED: ReadonlySet<keyof Tasks> = new Set<keyof Tasks>(['forecast', 'summarise', 'firstRows', 'decode', 'compare']);
const leftAlone = new LeftAlone();

/** Large datasets take what they take; but not all of the machine. */
const LIMITS: Limits = { memory: Math.max(2 ** 30, totalmem() / 2), busy: 60 };

/** Milliseconds that a task has to clean up after it was cancelled; then it is ended. */
const GRACE = 1500;

/**
 * Does a task in a process of its own: it holds nobody up, and whatever a file does to whoever reads it, it does to that
 * process alone. Aborting asks it to stop, and ends it soon after; the promise rejects with the signal's reason then.
 *
 * @param work.worker a bundle of `src/workers`; by default the one beside this bundle
 * @throws WishboneError what the task throws; for files that take more memory or time than anything needs
 */
export async function runTask<T extends Method<Tasks>>(
  task: T,
  argument: Argument<Tasks, T>,
  work: WorkOptions & { readonly worker?: string | undefined } = {},
): Promise<Answer<Tasks, T>> {
  work.signal?.throwIfAborted();
  const files = READ_BY[task](argument);
  const problem = UNASKED.has(task) ? leftAlone.problem(files) : undefined;
  if (problem !== undefined) throw problem;
  const client = taskProcess(task, work.worker);
  return ask(client, task, argument, work).finally(() => client.close());
}

/** A process for a task and others of its file: {@link ask} it, one after the other, and close it. */
export function taskProcess(task: keyof Tasks, worker?: string): Client<Tasks> {
  const file = worker ?? workerBundle(WORKERS[task]);
  if (file === undefined) throw new Error(`there is no bundle of src/workers/${WORKERS[task]}.ts`);
  return new Client<Tasks>(startProcess(file, { limits: LIMITS }));
}

/** {@link runTask} in a process that is there. */
export async function ask<T extends Method<Tasks>>(
  client: Client<Tasks>,
  task: T,
  argument: Argument<Tasks, T>,
  work: WorkOptions,
): Promise<Answer<Tasks, T>> {
  const { signal } = work;
  const files = READ_BY[task](argument);
  let last: NodeJS.Timeout | undefined;
  const cancel = (): void => {
    last = setTimeout(() => void client.end(signal?.reason as Error), GRACE);
  };
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    return await client.call(task, argument, work);
  } catch (error) {
    const ended = readingEnded(error, files);
    if (ended !== error && ended instanceof WishboneError) leftAlone.note(files, ended);
    throw ended;
  } finally {
    clearTimeout(last);
    signal?.removeEventListener('abort', cancel);
  }
}

/** The process's side of {@link runTask}. @param tasks those of this file of `src/workers` */
export function serveTasks<T extends Method<Tasks>>(tasks: Handlers<Pick<Tasks, T>>): void {
  serve<Pick<Tasks, T>>(ownChannel(), tasks);
}
