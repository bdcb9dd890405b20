/** The messages between the extension host and the panel that tries a trained model. Both sides check what they receive. */

import { type Check, fits, type Messages, readMessage } from './shape.js';
import { isCount, isFlag, isNumber, isText } from './values.js';

/** How a prompt is completed. */
export interface TrySettings {
  /** Continue the text as it is, without the chat template. */
  readonly plain: boolean;
  readonly maxTokens: number;
  /** 0: always the likeliest token. */
  readonly temperature: number;
  readonly topP: number;
  readonly seed: number;
}

export const DEFAULT_TRY_SETTINGS: TrySettings = { plain: false, maxTokens: 128, temperature: 0, topP: 1, seed: 0 };

export interface TryText {
  readonly text: string;
  readonly tokens: number;
  /** Whether it ended by itself rather than at the limit. */
  readonly ended: boolean;
  readonly seconds: number;
}

/** A prompt, and what the models have made of it so far. */
export interface Tried {
  readonly id: number;
  readonly prompt: string;
  readonly settings: TrySettings;
  readonly policy: TryText | null;
  readonly reference: TryText | null;
  readonly state: 'policy' | 'reference' | 'done' | 'cancelled' | 'failed';
  /** Why it failed; empty otherwise. */
  readonly problem: string;
}

export interface TryState {
  readonly run: string;
  /** Names of the models' folders; null where there is none. */
  readonly policy: string;
  readonly reference: string | null;
  /** Why no prompt can be completed now; empty when one can. */
  readonly blocked: string;
  readonly trusted: boolean;
  /** Newest first. */
  readonly tried: readonly Tried[];
}

export type TryHostMessage = { readonly type: 'state'; readonly folder: string; readonly state: TryState };

export const TRY_REQUESTS = ['ready', 'cancel', 'manage-trust'] as const;
export const TRY_COPIES = ['prompt', 'policy', 'reference', 'all'] as const;
export type TryCopy = (typeof TRY_COPIES)[number];

export type TryPageMessage =
  | { readonly type: (typeof TRY_REQUESTS)[number] }
  | { readonly type: 'complete'; readonly prompt: string; readonly settings: TrySettings }
  | { readonly type: 'copy'; readonly id: number; readonly what: TryCopy }
  | { readonly type: 'forget'; readonly id: number };

/** Longer prompts fit no model. */
const LONGEST_PROMPT = 4_000_000;

/** What a page keeps across a reload of the window, and while it is hidden. */
export interface TryPageState {
  readonly folder: string;
  readonly prompt: string;
  readonly settings: TrySettings;
}

const SETTINGS: Check<TrySettings> = {
  plain: isFlag,
  maxTokens: isCount,
  temperature: isNumber,
  topP: isNumber,
  seed: isCount,
};

const TRY_TEXT: Check<TryText> = { text: isText, tokens: isCount, ended: isFlag, seconds: isNumber };

const TRIED: Check<Tried> = {
  id: isCount,
  prompt: isText,
  settings: SETTINGS,
  policy: ['or null', TRY_TEXT],
  reference: ['or null', TRY_TEXT],
  state: ['one of', ['policy', 'reference', 'done', 'cancelled', 'failed']],
  problem: isText,
};

const isPrompt = (value: unknown): value is string => isText(value) && value.length <= LONGEST_PROMPT;

const PAGE_MESSAGES: Messages<TryPageMessage> = {
  complete: { prompt: isPrompt, settings: SETTINGS },
  copy: { id: isCount, what: ['one of', TRY_COPIES] },
  forget: { id: isCount },
};

export function readTryPageMessage(value: unknown): TryPageMessage | undefined {
  return readMessage(value, TRY_REQUESTS, PAGE_MESSAGES);
}

const HOST_MESSAGES: Messages<TryHostMessage> = {
  state: {
    folder: isText,
    state: {
      run: isText,
      policy: isText,
      reference: ['or null', isText],
      blocked: isText,
      trusted: isFlag,
      tried: ['list of', TRIED],
    },
  },
};

export function readTryHostMessage(value: unknown): TryHostMessage | undefined {
  return readMessage(value, [], HOST_MESSAGES);
}

const PAGE_STATE: Check<TryPageState> = { folder: isText, prompt: isText, settings: SETTINGS };

export function readTryPageState(value: unknown): TryPageState | undefined {
  return fits(value, PAGE_STATE) ? value : undefined;
}

/** Reads what was tried before. Anything else is left out. */
export function readTried(value: unknown): Tried[] {
  return Array.isArray(value) ? value.filter((each) => fits(each, TRIED)) : [];
}
