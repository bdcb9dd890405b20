import type { GgufType } from './mix.js';

/** What is to be written. */
export interface GgufRequest {
  /** A Hugging Face folder of a model; where an adapter is written, of the model that it is for. */
  readonly model: string;
  /** A PEFT folder that is written instead of the model. */
  readonly adapter?: string | undefined;
  readonly type: GgufType;
  readonly out: string;
  /** What the model is called; by default as its folder. */
  readonly name?: string | undefined;
  /** Whether a file that is there may be replaced. */
  readonly overwrite?: boolean | undefined;
}

/** What was written. */
export interface GgufResult {
  readonly file: string;
  readonly bytes: number;
  /** The model's chat template, and texts that end a response. */
  readonly template: string | undefined;
  readonly stops: readonly string[];
  /** What llama.cpp does otherwise in rare texts, in sentences. */
  readonly notes: readonly string[];
}
