import type { WorkOptions } from '../work/progress.js';
import type { RunnerOptions } from '../options/index.js';
import type { SamplingOptions } from './complete.js';
import { type Completion, Sampler } from './sampler.js';

/** One prompt for one model of a run. Cloneable: a thread is started with it. */
export interface TryRequest {
  /** Of the run, or of a model. */
  readonly folder: string;
  readonly which: 'policy' | 'reference';
  readonly prompt: string;
  /** The prompt is a text to go on with, and no message of a user. */
  readonly plain: boolean;
  readonly sampling: SamplingOptions;
  readonly options: RunnerOptions;
  /** The runner's path. */
  readonly runner: string;
}

/**
 * Completes a prompt.
 *
 * @returns null where there is no such model
 * @throws WishboneError for what is wrong with the folder, or what the runner says
 */
export async function tryPrompt(request: TryRequest, work: WorkOptions = {}): Promise<Completion | null> {
  const sampler = await Sampler.open(request.folder);
  const model = sampler.models[request.which];
  if (model === undefined) return null;
  work.signal?.throwIfAborted();
  const prompt = sampler.typed(request.prompt, request.plain);
  const [completion] = await sampler.complete(model, [prompt], request.sampling, request.options, work, request.runner);
  return completion ?? null;
}
