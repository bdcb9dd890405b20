import { stat } from 'node:fs/promises';
import path from 'node:path';

import { cpu, gpu, stepSeconds } from '../cost/index.js';
import { inspectModel, type ModelInfo } from '../model/index.js';
import type { PlanOptions, RunnerOptions, TrainingOptions } from '../options/index.js';
import type { PlanSummary } from '../prepare/index.js';
import { autoBackend, type BackendInfo, runnerBackends } from '../runner/runner-info.js';
import { chosenRecompute } from './capacity.js';
import { type CardForecast, cardForecasts, type CardsRequest } from './cards.js';
import { type EarlierRun, earlierRuns } from './earlier-runs.js';
import { type ForecastDevice, SOME_RATE } from './plan-forecast.js';
import { planSeconds } from './plan-seconds.js';
import { type ModelSize, offloadSeconds, runTime, type RunTime } from './run-time.js';
import { timedTraining } from './timed-run.js';

/** A run whose plan is known. */
export interface RunForecastRequest {
  /** Folder of the model. */
  readonly model: string;
  readonly plan: PlanOptions;
  readonly training: TrainingOptions;
  readonly runner: RunnerOptions;
  readonly summary: PlanSummary;
  /** Folders with earlier runs of this machine. */
  readonly runsFolders: readonly string[];
  /** What the runner has said of itself; it is asked where nobody has. */
  readonly backends?: readonly BackendInfo[] | undefined;
}

/**
 * What a run will take, from the summary of its plan.
 *
 * @returns undefined where nothing is known of how fast the machine computes
 * @throws WishboneError when the model cannot be read
 */
export async function forecastRun(request: RunForecastRequest): Promise<RunTime | undefined> {
  return (await forecastRunAndCards(request)).time;
}

/** The same, and on a GPU what several cards would take. */
export async function forecastRunAndCards(
  request: RunForecastRequest,
): Promise<{ readonly time: RunTime | undefined; readonly cards: readonly CardForecast[] | undefined }> {
  const [info, backends, earlier] = await Promise.all([
    inspectModel(request.model, { tokenizer: false }),
    request.backends ?? runnerBackends(),
    earlierRuns(request.runsFolders),
  ]);
  const { backend, device } = deviceOf(request.runner, backends, earlier);
  const model = await sizeOf(info);
  const { isRateKnown, speed, name } = speedOf(device);
  const predicted = planSeconds(request.summary, model.shape, { device: speed, training: timedTraining(model.shape, request.training) });
  const recomputed = backend === 'cuda' ? await chosenRecompute(request, request.summary) : undefined;
  const time = runTime({ ...request, model, backend, predicted, isRateKnown, device: name, earlier, recomputed });
  return { time, cards: cardsOf({ ...request, shape: model.shape, time, device, memory: undefined }) };
}

/** What several cards would take; undefined for a run on the CPU. */
export function cardsOf(
  request: Omit<CardsRequest, 'time' | 'stepSeconds'> & { readonly time: RunTime | undefined; readonly device: ForecastDevice },
): readonly CardForecast[] | undefined {
  const { time, device, shape, summary, training, runner } = request;
  if (time === undefined || device.kind !== 'gpu') return undefined;
  const updating = stepSeconds(shape, { device: speedOf(device).speed, training: timedTraining(shape, training) });
  const streamed = offloadSeconds('cuda', runner, { parameters: summary.parameters, shape }, training);
  return cardForecasts({ ...request, time, stepSeconds: updating + streamed });
}

/** What the run will compute on, as far as this machine tells. */
export function deviceOf(
  runner: RunnerOptions,
  backends: readonly BackendInfo[],
  earlier: readonly EarlierRun[],
): { readonly backend: string; readonly device: ForecastDevice } {
  const backend = runner.backend === 'auto' ? autoBackend(backends) : runner.backend;
  if (backend === 'cuda') {
    const name = backends.find((each) => each.name === 'cuda')?.devices[runner.device]?.name;
    return { backend, device: { kind: 'gpu', name, precision: runner.precision } };
  }
  const ceiling = earlier.find((run) => run.backend === 'cpu' && run.ceiling !== undefined)?.ceiling;
  return { backend, device: { kind: 'cpu', ceiling } };
}

/** The cost model's device, and what people call it. */
export function speedOf(device: ForecastDevice): {
  readonly speed: ReturnType<typeof gpu>;
  readonly isRateKnown: boolean;
  readonly name: string;
} {
  if (device.kind === 'gpu') {
    const speed = gpu(device.name, device.precision);
    return { speed, isRateKnown: true, name: `an ${speed.name}` };
  }
  return { speed: cpu(device.ceiling ?? SOME_RATE), isRateKnown: device.ceiling !== undefined, name: 'this CPU' };
}

/** What loading and writing see of a model. */
export async function sizeOf({ folder, config, parameters, files }: ModelInfo): Promise<ModelSize> {
  const sizes = files.map((name) =>
    stat(path.join(folder, name)).then(
      ({ size }) => size,
      () => 0,
    ),
  );
  const bytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  return { folder, shape: config, parameters, bytes };
}
