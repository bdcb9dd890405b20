import { ExitCode, WishboneError } from '../errors.js';
import type { WorkOptions } from '../work/progress.js';
import type { RunnerOptions } from '../options/index.js';
import { readConversation } from './chat/conversation-file.js';
import type { ChatMessage, Said } from './chat/messages.js';
import type { SamplingOptions } from './complete.js';
import { isBelow } from './models.js';
import type { Prompt } from './prompts.js';
import { Sampler } from './sampler.js';

/** What is to be completed, and by what. */
export interface SampleRequest {
  /** Of a run or a model. */
  readonly folder: string;
  /** Of a checkpoint of the run; by default what it exported at its end. */
  readonly step: number | undefined;
  /** Of a run or a model that completes the prompts too, in the reference's place. */
  readonly against: string | undefined;
  readonly typed: readonly string[];
  /** Typed prompts are continued as plain text, without the chat template. */
  readonly plain: boolean;
  /** Stands before typed prompts. */
  readonly system: string | undefined;
  /** JSON files with a conversation each, to be answered. */
  readonly messages: readonly string[];
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
  /** Of the other run or model that was named. */
  readonly against?: string;
}

/** Completes prompts by a run's models. @throws WishboneError for bad input, and with what the runner says */
export async function sampleRun(request: SampleRequest, { signal }: WorkOptions): Promise<readonly Sample[]> {
  const { folder, step, against, runner, sampling, withReference } = request;
  const work = signal === undefined ? {} : { signal };
  const sampler = await Sampler.open(folder, step);
  const other = against === undefined ? undefined : await Sampler.open(against);
  const { policy, reference } = sampler.models;
  const prompts = await promptsOf(sampler, request);
  // With a tokenizer and a template of its own.
  const itsPrompts = other === undefined ? [] : await promptsOf(other, request);
  const besides = withReference && other === undefined ? reference : undefined;
  const both =
    besides !== undefined && isBelow(besides, policy) ? await sampler.completeBoth(policy, prompts, sampling, runner, work) : undefined;
  const ofPolicy = both?.above ?? (await sampler.complete(policy, prompts, sampling, runner, work));
  const ofReference = both?.below ?? (besides ? await sampler.complete(besides, prompts, sampling, runner, work) : []);
  const ofOther = other === undefined ? [] : await other.complete(other.models.policy, itsPrompts, sampling, runner, work);
  return prompts.map(({ text }, index) => ({
    prompt: text,
    policy: ofPolicy[index]?.text ?? '',
    ...(ofReference[index] === undefined ? {} : { reference: ofReference[index].text }),
    ...(ofOther[index] === undefined ? {} : { against: ofOther[index].text }),
  }));
}

async function promptsOf(sampler: Sampler, request: SampleRequest): Promise<Prompt[]> {
  const { typed, plain, system, messages, dataset, count } = request;
  if (system !== undefined && (plain || typed.length === 0)) {
    const advice = plain ? 'leave --plain or --system out' : 'add --prompt with a text';
    throw new WishboneError('a system prompt stands before a prompt of a user, and there is none', '--system', advice, ExitCode.usage);
  }
  const before: ChatMessage[] = system === undefined ? [] : [{ role: 'system', content: system }];
  const own = typed.map((text) => {
    const said: Said = plain ? { kind: 'text', text } : { kind: 'messages', messages: [...before, { role: 'user', content: text }] };
    return { text, tokens: sampler.said(said).tokens };
  });
  for (const file of messages) {
    const conversation = await readConversation(file);
    own.push({ text: conversation.at(-1)!.content, tokens: sampler.said({ kind: 'messages', messages: conversation }).tokens });
  }
  const read = dataset === undefined ? [] : await sampler.ofDataset(dataset, count);
  if (own.length + read.length > 0) return [...own, ...read];
  const advice = 'add --prompt with a text, --messages with a conversation, or --dataset with a preference file';
  throw new WishboneError('no prompt was given', 'the command line', advice, ExitCode.usage);
}
