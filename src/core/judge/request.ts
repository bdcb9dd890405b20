import type { Network } from '../download/index.js';
import type { RunnerOptions } from '../options/index.js';
import type { SamplingOptions } from '../sample/index.js';

/** Another side's texts: of the run's reference, of the dataset itself, or of another run or model folder. */
export type Against = 'reference' | 'chosen' | 'rejected' | { readonly folder: string };

/** What decides which of two texts is better, without what one proves oneself with. */
export type Judge = EndpointJudge | RuleJudge;

/** A model behind an address that answers as OpenAI's Chat Completions do. */
export interface EndpointJudge {
  readonly kind: 'endpoint';
  /** `https://host/v1`, to which `/chat/completions` is added. */
  readonly url: string;
  readonly model: string;
  /** Most tokens of an answer. */
  readonly max_tokens: number;
}

export const RULE_NAMES = ['regex', 'exact', 'shorter', 'longer'] as const;
export type RuleName = (typeof RULE_NAMES)[number];

/** Something that can be seen in the texts themselves. */
export interface RuleJudge {
  readonly kind: 'rule';
  readonly rule: RuleName;
  /** Of `regex`: a JavaScript regular expression. */
  readonly pattern?: string | undefined;
}

/** How an endpoint is asked. */
export interface AskOptions {
  /** The API key; it goes to the endpoint, and nowhere else. */
  readonly key?: string | undefined;
  /** Seconds that an answer may take. */
  readonly timeout: number;
  /** Requests at once. */
  readonly atOnce: number;
  readonly network?: Network | undefined;
  /** Seconds before the first of several tries after a failure; twice as many before each further one. */
  readonly retry?: number | undefined;
}

/** Two sides, and what judges them. Cloneable: a process is started with it. */
export interface JudgeRequest {
  /** Of the run whose trained model is the first side. */
  readonly folder: string;
  readonly against: Against;
  /** A preference file with the prompts; by default those that the run evaluates. */
  readonly dataset?: string | undefined;
  /** Prompts, the first different ones. */
  readonly count: number;
  readonly sampling: SamplingOptions;
  readonly judge: Judge;
  readonly ask: AskOptions;
  readonly runner: RunnerOptions;
  /** The runner's path; by default it is looked for. */
  readonly program?: string | undefined;
}

/** What is asked for where nobody says otherwise, the same everywhere: with another sampling, completions and verdicts are other ones. */
export const JUDGE_DEFAULTS = {
  count: 100,
  maxTokens: 512,
  ask: { timeout: 120, atOnce: 4 },
  sampling: { max_new_tokens: 256, temperature: 0, top_p: 1, seed: 0 },
} as const;
