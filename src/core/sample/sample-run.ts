import { ExitCode, WishboneError } from '../errors.js';
import type { WorkOptions } from '../work/progress.js';
import type { RunnerOptions } from '../options/index.js';
import type { Said } from './chat/messages.js';
import type { SamplingOptions } from './complete.js';
import type { Prompt } from './prompts.js';
import { Sampler } from './sampler.js';

/** What is to be completed, and by what. */
export interface SampleRequest {
  /** Of a run or a model. */
  readonly folder: string;
  readonly typed: readonly string[];
  /** Typed prompts are continued as plain text, without the chat template. */
  readonly plain: boolean;
  /** A preference file whose first `count` prompts are completed too. */
  readonly dataset: string | undefined;
  readonly count: number;
  readonly sampling: Omit<SamplingOptions, 'end_tokens'>;
  readonly withReference: boolean;
  readonly runner: RunnerOptions;
}

/** A prompt and what became of it. */
export interface Sample {
  readonly prompt: string;
  readonly policy: string;
  readonly reference?: string;
}

/** Completes prompts by a run's models. @throws WishboneError for bad input, and with what the runner says */
export async function sampleRun(request: SampleRequest, { signal }: WorkOptions): Promise<readonly Sample[]> {
  const { folder, runner, sampling, withReference } = request;
  const work = signal === undefined ? {} : { signal };
  const sampler = await Sampler.open(folder);
  const { policy, reference } = sampler.models;
  const prompts = await promptsOf(sampler, request);
  const ofPolicy = await sampler.complete(policy, prompts, sampling, runner, work);
  const ofReference = reference && withReference ? await sampler.complete(reference, prompts, sampling, runner, work) : [];
  return prompts.map(({ text }, index) => ({
    prompt: text,
    policy: ofPolicy[index]?.text ?? '',
    ...(ofReference[index] === undefined ? {} : { reference: ofReference[index].text }),
  }));
}

async function promptsOf(sampler: Sampler, { typed, plain, dataset, count }: SampleRequest): Promise<Prompt[]> {
  const own = typed.map((text) => {
    const said: Said = plain ? { kind: 'text', text } : { kind: 'messages', messages: [{ role: 'user', content: text }] };
    return { text, tokens: sampler.said(said).tokens };
  });
  const read = dataset === undefined ? [] : await sampler.ofDataset(dataset, count);
  if (own.length + read.length > 0) return [...own, ...read];
  const advice = 'add --prompt with a text, or --dataset with a preference file';
  throw new WishboneError('no prompt was given', 'the command line', advice, ExitCode.usage);
}
