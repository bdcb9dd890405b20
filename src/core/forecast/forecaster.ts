import path from 'node:path';

import { BadRowError, WishboneError } from '../errors.js';
import type { PlanSummary } from '../prepare/index.js';
import type { Progress, WorkOptions } from '../work/progress.js';
import { deviceCount, type PlanOptions, type RunnerOptions, type TrainingOptions } from '../options/index.js';
import { newRunConfig } from '../run/folder.js';
import { inspectModel } from '../model/index.js';
import type { BackendInfo } from '../runner/runner-info.js';
import type { CardForecast } from './cards.js';
import type { CapacityRequest } from './capacity.js';
import type { EarlierRun } from './earlier-runs.js';
import { type MemoryForecast, PlanScratch } from './memory.js';
import { type ForecastDevice, type PlanForecast, type PlanForecastRequest, withUpdatesOf } from './plan-forecast.js';
import { cardsOf, deviceOf, sizeOf, speedOf } from './run-forecast.js';
import { runTime, type RunTime } from './run-time.js';
import type { TimedOptions } from './timed-run.js';

/** A run that may be launched. */
export interface ForecastInput {
  readonly dataset: string | readonly string[];
  readonly evalDataset?: string | readonly string[] | undefined;
  readonly model: string;
  readonly plan: PlanOptions;
  readonly training: TrainingOptions;
  readonly runner: RunnerOptions;
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
      /** Of the whole run; undefined where nothing is known of how fast the machine computes. */
      readonly time: RunTime | undefined;
      /** What several cards would take; undefined on the CPU. */
      readonly cards?: readonly CardForecast[] | undefined;
      /** Undefined while the runner is asked, or when it may not be. */
      readonly memory: MemoryForecast | WishboneError | undefined;
    };

/** What the forecaster works with. */
export interface ForecastMeans {
  /** Plans, in a thread of its own. */
  readonly plan: (request: PlanForecastRequest, work: WorkOptions) => Promise<PlanForecast>;
  readonly backends: () => Promise<readonly BackendInfo[]>;
  readonly earlier: () => Promise<readonly EarlierRun[]>;
  /** What a bin holds where that is left to be decided (`suitedCapacity`). */
  readonly capacity: (request: CapacityRequest) => Promise<number>;
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
  #planned: { readonly key: string; readonly plan: PlanForecast; readonly training: TimedOptions } | undefined;
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
      const [backends, earlier] = await Promise.all([this.means.backends(), this.means.earlier()]);
      const { backend, device } = deviceOf(input.runner, backends, earlier);
      const planned = await this.#plan(input, device, signal);
      const model = await sizeOf(await inspectModel(input.model, { tokenizer: false }));
      const plan = withUpdatesOf(planned.plan, model.shape, device, { from: planned.training, to: timedOptions(input) });
      const { summary, seconds: predicted, isRateKnown } = plan;
      const done = (memory: MemoryForecast | WishboneError | undefined): void => {
        if (signal.aborted) return;
        const known = memory instanceof WishboneError ? undefined : memory;
        const recomputed = known?.recompute;
        const { name } = speedOf(device);
        const time = runTime({ ...input, summary, model, backend, predicted, isRateKnown, device: name, earlier, recomputed });
        const cards = cardsOf({ ...input, summary, shape: model.shape, time, device, memory: known });
        this.onChange({ kind: 'done', plan, time, memory, ...(cards && { cards }) });
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

  /** A plan, and the options that its times are for: updates with other ones plan nothing again ({@link withUpdatesOf}). */
  async #plan(
    input: ForecastInput,
    device: ForecastDevice,
    signal: AbortSignal,
  ): Promise<{ readonly plan: PlanForecast; readonly training: TimedOptions }> {
    const { dataset, evalDataset, model, plan } = input;
    const devices = deviceCount(input.runner);
    const autoCapacity = plan.capacity === 'auto' ? await this.means.capacity(input) : undefined;
    // Written for the runner alone.
    const planFile = this.means.mayAskRunner() ? await this.#scratch.planFile() : undefined;
    const training = timedOptions(input);
    const key = JSON.stringify([dataset, evalDataset, model, plan, devices, autoCapacity, device, training.use_peft, planFile]);
    if (this.#planned?.key === key) return this.#planned;
    this.#planned = undefined;
    const request = { dataset, evalDataset, model, plan, devices, autoCapacity, device, training, planFile };
    const made = await this.means.plan(request, {
      signal,
      onProgress: (progress) => {
        if (!signal.aborted) this.onChange({ kind: 'working', progress });
      },
    });
    this.#planned = { key, plan: made, training };
    return this.#planned;
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
      plan: { ...input.plan, capacity: summary.capacity },
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

function timedOptions({ training: { use_peft, lora_r, adam_moments } }: ForecastInput): TimedOptions {
  return { use_peft, lora_r, adam_moments };
}
