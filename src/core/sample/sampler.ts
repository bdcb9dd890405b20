import { inspectModel, type ModelInfo } from '../model/index.js';
import type { WorkOptions } from '../work/progress.js';
import type { RunnerOptions } from '../options/index.js';
import { ModelTokenizer } from '../tokenizer/index.js';
import type { Said } from './chat/messages.js';
import { complete, completeBoth, type CompletionWork, type SamplingOptions } from './complete.js';
import { endTokens, type SampledModel, sampledModels, type SampledModels } from './models.js';
import { datasetPrompts, type Prompt, promptOf } from './prompts.js';

/** What a model makes of a prompt. */
export interface Completion {
  /** Without the token that ended it. */
  readonly text: string;
  readonly tokens: number;
  /** It ended by itself, not at the limit. */
  readonly ended: boolean;
}

/** Work that hears of each completion as it comes. */
export interface SamplerWork extends WorkOptions {
  /**
   * @param at the prompt's place
   * @param isBelow by the model below the adapter
   */
  readonly onCompletion?: ((at: number, completion: Completion, isBelow: boolean) => void) | undefined;
}

/** A run's models, or a model folder, with what they need to read and write text. */
export class Sampler {
  private constructor(
    readonly models: SampledModels,
    readonly model: ModelInfo,
    readonly tokenizer: ModelTokenizer,
    /** Tokens that end a completion. */
    readonly ends: readonly number[],
  ) {}

  /** See {@link sampledModels}. */
  static async open(folder: string, step?: number): Promise<Sampler> {
    const models = await sampledModels(folder, step);
    const { policy, template } = models;
    const model = await inspectModel(policy.folder);
    return new Sampler(models, model, await ModelTokenizer.load(policy.folder, template), await endTokens(policy.folder));
  }

  /** See {@link promptOf}. */
  said(said: Said): Prompt {
    return promptOf(this.tokenizer, said, this.models.policy.folder);
  }

  /** See {@link datasetPrompts}. */
  ofDataset(file: string, count: number): Promise<Prompt[]> {
    const { vocabSize, maxPositions: maxLength } = this.model.config;
    return datasetPrompts(this.tokenizer, file, { count, vocabSize, maxLength });
  }

  /**
   * Completes prompts by one of the models, in their order.
   *
   * @param runner path of the runner's program; by default it is looked for
   * @throws WishboneError with what the runner says
   */
  async complete(
    model: SampledModel,
    prompts: readonly Prompt[],
    sampling: SamplingOptions,
    options: RunnerOptions,
    work: SamplerWork = {},
    runner?: string,
  ): Promise<Completion[]> {
    const tokens = prompts.map((prompt) => prompt.tokens);
    const completed = await complete(model, tokens, { ...sampling, end_tokens: this.ends }, options, this.#told(work), runner);
    return completed.map((ids) => this.#completion(ids));
  }

  /** Completes prompts by a model with an adapter and by the one below it, as {@link complete} would one after the other. */
  async completeBoth(
    model: SampledModel,
    prompts: readonly Prompt[],
    sampling: SamplingOptions,
    options: RunnerOptions,
    work: SamplerWork = {},
    runner?: string,
  ): Promise<{ readonly above: Completion[]; readonly below: Completion[] }> {
    const tokens = prompts.map((prompt) => prompt.tokens);
    const { above, below } = await completeBoth(model, tokens, { ...sampling, end_tokens: this.ends }, options, this.#told(work), runner);
    return { above: above.map((ids) => this.#completion(ids)), below: below.map((ids) => this.#completion(ids)) };
  }

  #told({ onCompletion, ...others }: SamplerWork): CompletionWork {
    if (onCompletion === undefined) return others;
    return { ...others, onCompletion: (at, ids, isBelow) => onCompletion(at, this.#completion(ids), isBelow) };
  }

  #completion(ids: readonly number[]): Completion {
    const ended = this.ends.includes(ids.at(-1) ?? -1);
    return { text: this.tokenizer.decode(ended ? ids.slice(0, -1) : ids), tokens: ids.length, ended };
  }
}
