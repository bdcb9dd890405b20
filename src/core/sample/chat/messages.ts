import type { TemplateName } from '../../tokenizer/index.js';

/** What reads and writes text for a model: the folder of its tokenizer, and its chat template. */
export interface Reader {
  readonly folder: string;
  readonly template: TemplateName;
}

/** A message as a chat template gets it. */
export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** What a model is to go on with: a conversation that ends with a user's message, or a text as it is. */
export type Said =
  | { readonly kind: 'messages'; readonly messages: readonly ChatMessage[] }
  | { readonly kind: 'text'; readonly text: string };

/** The same as the model reads it. */
export interface ReadPrompt {
  readonly tokens: readonly number[];
  /** Ids that end a completion. */
  readonly ends: readonly number[];
}

/** A token that is shown. */
export interface ShownToken {
  readonly id: number;
  readonly text: string;
  /** It is none of the text's, but a mark for the model. */
  readonly special: boolean;
}

/** What a model has read, and what it wrote. */
export interface ShownTokens {
  /** The prompt as the chat template rendered it. */
  readonly text: string;
  readonly prompt: readonly ShownToken[];
  readonly answer: readonly ShownToken[];
  /** Tokens in all; fewer are shown of very many, the last of the prompt and the first of the answer. */
  readonly promptTokens: number;
  readonly answerTokens: number;
}

/** A prompt of a run's evaluation set. */
export interface EvaluationPrompt {
  /** Its place among those of the set, from 0. */
  readonly index: number;
  /** Where it stands: file and row, from 1. */
  readonly file: string;
  readonly row: number;
  /** Empty where there is none. */
  readonly system: string;
  /** Earlier messages, a user's and an answer in turn. */
  readonly before: readonly { readonly user: string; readonly assistant: string }[];
  readonly prompt: string;
  /** The set holds texts, which are gone on with as they are. */
  readonly plain: boolean;
  readonly chosen: string;
  readonly rejected: string;
  /** What the row has that is not taken over, or how the file is not as it was; empty else. */
  readonly note: string;
}

/** As much of a prompt as a list shows. */
export interface ListedPrompt {
  /** How it begins. */
  readonly start: string;
  /** Its last line of more than one word, which often is the question; empty when there is none. */
  readonly end: string;
}

/** What the process that reads texts can be asked (`serveChat`). */
export interface ChatCalls {
  /** @throws WishboneError with the template's own words when it refuses the messages */
  prompt(task: { readonly reader: Reader; readonly said: Said }): ReadPrompt;
  /** The text of a completion, without the token that ended it. Characters that are not whole yet are left out at its end. */
  decode(task: { readonly reader: Reader; readonly tokens: readonly number[] }): string;
  tokens(task: { readonly reader: Reader; readonly said: Said; readonly answer: readonly number[] }): ShownTokens;
  /** Number of prompts in the evaluation set of a run. @throws WishboneError when it has none, or its files are gone */
  evaluation(run: string): number;
  evaluationPrompt(task: { readonly run: string; readonly index: number }): EvaluationPrompt;
  /** The prompts in their order. */
  evaluationList(run: string): readonly ListedPrompt[];
}
