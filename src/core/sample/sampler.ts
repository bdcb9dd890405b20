import { inspectModel, type ModelInfo } from '../model/index.js';
import type { WorkOptions } from '../work/progress.js';
import type { RunnerOptions } from '../options/index.js';
import { ModelTokenizer } from '../tokenizer/index.js';
import type { Said } from './chat/messages.js';
import { complete, type SamplingOptions } from './complete.js';
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

/** A run's models, or a model folder, with what they need to read and write text. */
export class Sampler {
  readonly #tokenizer: ModelTokenizer;
  readonly #ends: readonly number[];

  private constructor(
    readonly models: SampledModels,
    readonly model: ModelInfo,
    tokenizer: ModelTokenizer,
    ends: readonly number[],
  ) {
    this.#tokenizer = tokenizer;
    this.#ends = ends;
  }

  /** See {@link sampledModels}. */
  static async open(folder: string, step?: number): Promise<Sampler> {
    const models = await sampledModels(folder, step);
    const { policy, template } = models;
    const model = await inspectModel(policy.folder);
    return new Sampler(models, model, await ModelTokenizer.load(policy.folder, template), await endTokens(policy.folder));
  }

  /** See {@link promptOf}. */
  said(said: Said): Prompt {
    return promptOf(this.#tokenizer, said, this.models.policy.folder);
  }

  /** See {@link datasetPrompts}. */
  ofDataset(file: string, count: number): Promise<Prompt[]> {
    const { vocabSize, maxPositions: maxLength } = this.model.config;
    return datasetPrompts(this.#tokenizer, file, { count, vocabSize, maxLength });
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
    work: WorkOptions = {},
    runner?: string,
  ): Promise<Completion[]> {
    const tokens = prompts.map((prompt) => prompt.tokens);
    const completed = await complete(model, tokens, { ...sampling, end_tokens: this.#ends }, options, work, runner);
    return completed.map((ids) => {
      const ended = this.#ends.includes(ids.at(-1) ?? -1);
      return { text: this.#tokenizer.decode(ended ? ids.slice(0, -1) : ids), tokens: ids.length, ended };
    });
  }
}
