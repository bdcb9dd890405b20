import path from 'node:path';

import { gpu } from '../cost/index.js';
import { BadRowError, WishboneError } from '../errors.js';
import type { PlanSummary } from '../prepare/index.js';
import type { Progress, WorkOptions } from '../work/progress.js';
import type { PlanOptions, RunnerOptions, TrainingOptions } from '../options/index.js';
import { newRunConfig } from '../run/folder.js';
import { autoBackend, type BackendInfo } from '../runner/runner-info.js';
import type { EarlierPace } from './earlier-pace.js';
import { type MemoryForecast, PlanScratch } from './memory.js';
import { type ForecastDevice, type PlanForecast, type PlanForecastRequest, predictedSeconds } from './plan-forecast.js';

/** A run that may be launched. */
export interface ForecastInput {
  readonly dataset: string | readonly string[];
  readonly evalDataset?: string | readonly string[] | undefined;
  readonly model: string;
  readonly plan: PlanOptions;
  readonly training: TrainingOptions;
  readonly runner: RunnerOptions;
}

export interface TimeForecast {
  readonly seconds: number;
  /** What it is taken from, as a phrase. */
  readonly source: string;
}

export type ForecastState =
  /** Something is missing, or wrong. */
  | { readonly kind: 'none' }
  | { readonly kind: 'working'; readonly progress: Progress | undefined }
  | {
      readonly kind: 'failed';
      readonly error: unknown;
      /** What is left without the rows that cannot be used; undefined while that is not known, or when it is no way out. */
      readonly without?: PlanSummary | undefined;
    }
  | {
      readonly kind: 'done';
      readonly plan: PlanForecast;
      readonly time: TimeForecast | undefined;
      /** Undefined while the runner is asked, or when it may not be. */
      readonly memory: MemoryForecast | WishboneError | undefined;
    };

/** What the forecaster works with. */
export interface ForecastMeans {
  /** Plans, in a thread of its own. */
  readonly plan: (request: PlanForecastRequest, work: WorkOptions) => Promise<PlanForecast>;
  readonly backends: () => Promise<readonly BackendInfo[]>;
  readonly paces: () => Promise<readonly EarlierPace[]>;
  /** Whether the runner may be started for a question. */
  readonly mayAskRunner: () => boolean;
  /** How long changes must rest before work begins. */
  readonly restMilliseconds?: number;
}

/**
 * Forecasts a run while it is still being put together: of many changes only the last counts, work that is overtaken is
 * cancelled, and what does not change the plan does not plan again.
 */
export class Forecaster {
  readonly #scratch = new PlanScratch();
  #rest: NodeJS.Timeout | undefined;
  #work: AbortController | undefined;
  #planned: { readonly key: string; readonly plan: PlanForecast } | undefined;
  /** One plan at a time writes the file, and none while the runner reads it. */
  #last: Promise<void> = Promise.resolve();

  constructor(
    readonly means: ForecastMeans,
    readonly onChange: (state: ForecastState) => void,
  ) {}

  /** @param input undefined when there is nothing that could be forecast */
  update(input: ForecastInput | undefined): void {
    clearTimeout(this.#rest);
    this.#work?.abort();
    this.#work = undefined;
    if (input === undefined) return this.onChange({ kind: 'none' });
    this.onChange({ kind: 'working', progress: undefined });
    this.#rest = setTimeout(() => {
      const work = new AbortController();
      this.#work = work;
      this.#last = this.#last.then(() => this.#forecast(input, work.signal));
    }, this.means.restMilliseconds ?? 300);
  }

  /** Files have changed: what was planned counts no more. */
  forget(): void {
    this.#planned = undefined;
  }

  async dispose(): Promise<void> {
    clearTimeout(this.#rest);
    this.#work?.abort();
    await this.#last;
    await this.#scratch.dispose();
  }

  async #forecast(input: ForecastInput, signal: AbortSignal): Promise<void> {
    try {
      signal.throwIfAborted();
      const [backends, paces] = await Promise.all([this.means.backends(), this.means.paces()]);
      const backend = input.runner.backend === 'auto' ? autoBackend(backends) : input.runner.backend;
      const device = deviceOf(backend, backends, input.runner.device, paces);
      const plan = await this.#plan(input, device, signal);
      const time = timeOf(input, plan, backend, device, paces);
      const done = (memory: MemoryForecast | WishboneError | undefined): void => {
        if (!signal.aborted) this.onChange({ kind: 'done', plan, time, memory });
      };
      done(undefined);
      if (this.means.mayAskRunner()) done(await this.#memory(input, plan, signal));
    } catch (error) {
      if (signal.aborted) return;
      this.onChange({ kind: 'failed', error });
      if (!(error instanceof BadRowError) || input.plan.on_bad_row === 'skip') return;
      const without = await this.#withoutBadRows(input, signal);
      if (without !== undefined && !signal.aborted) this.onChange({ kind: 'failed', error, without });
    }
  }

  /** The tokens that this takes are kept: whoever goes that way waits for the plan alone. */
  async #withoutBadRows({ dataset, evalDataset, model, plan }: ForecastInput, signal: AbortSignal): Promise<PlanSummary | undefined> {
    try {
      // Only what is counted is asked for: any device will do.
      const device = { kind: 'gpu' } as const;
      const request = { dataset, evalDataset, model, plan: { ...plan, on_bad_row: 'skip' as const }, device };
      return (await this.means.plan(request, { signal })).summary;
    } catch {
      // Then the first error is all there is to say.
      return undefined;
    }
  }

  async #plan(input: ForecastInput, device: ForecastDevice, signal: AbortSignal): Promise<PlanForecast> {
    const { dataset, evalDataset, model, plan } = input;
    // Written for the runner alone.
    const planFile = this.means.mayAskRunner() ? await this.#scratch.planFile() : undefined;
    const key = JSON.stringify([dataset, evalDataset, model, plan, device, planFile]);
    if (this.#planned?.key === key) return this.#planned.plan;
    this.#planned = undefined;
    const request = { dataset, evalDataset, model, plan, device, planFile };
    const made = await this.means.plan(request, {
      signal,
      onProgress: (progress) => {
        if (!signal.aborted) this.onChange({ kind: 'working', progress });
      },
    });
    this.#planned = { key, plan: made };
    return made;
  }

  async #memory(input: ForecastInput, plan: PlanForecast, signal: AbortSignal): Promise<MemoryForecast | WishboneError> {
    const { summary, datasetSha256: sha256 } = plan;
    const first = (names: string | readonly string[]): string => path.resolve([names].flat()[0] ?? '');
    const reference = { path: first(input.dataset), sha256, format: summary.form, pairs: summary.pairs };
    const config = newRunConfig({
      dataset: reference,
      // The runner wants to hear of one where there are evaluations; its plan is not looked at.
      ...(input.evalDataset === undefined ? {} : { evalDataset: { ...reference, path: first(input.evalDataset) } }),
      model: { path: path.resolve(input.model) },
      plan: input.plan,
      training: input.training,
      runner: input.runner,
    });
    try {
      return await this.#scratch.memory(config, signal);
    } catch (error) {
      if (error instanceof WishboneError) return error;
      throw error;
    }
  }
}

function deviceOf(backend: string, backends: readonly BackendInfo[], index: number, paces: readonly EarlierPace[]): ForecastDevice {
  if (backend === 'cuda') return { kind: 'gpu', name: backends.find(({ name }) => name === 'cuda')?.devices[index]?.name };
  return { kind: 'cpu', ceiling: paces.find((pace) => pace.backend === 'cpu' && pace.ceiling !== undefined)?.ceiling };
}

/** A run of the same model says most; the cost model knows the rest. */
function timeOf(
  input: ForecastInput,
  { summary, seconds }: PlanForecast,
  backend: string,
  device: ForecastDevice,
  paces: readonly EarlierPace[],
): TimeForecast | undefined {
  const model = path.resolve(input.model);
  const same = paces.find((pace) => pace.model === model && pace.backend === backend && pace.secondsPerToken !== undefined);
  if (same?.secondsPerToken !== undefined) {
    return { seconds: same.secondsPerToken * summary.planTokens, source: `based on the pace of ${same.run}` };
  }
  if (seconds === undefined) return undefined;
  const source = `predicted for ${device.kind === 'gpu' ? `an ${gpu(device.name).name}` : 'this CPU'}`;
  return { seconds: predictedSeconds(seconds, input), source };
}
