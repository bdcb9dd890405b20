/** The messages between the extension host and the panel that talks to trained models. Both sides check what they receive. */

import { type Check, fits, type Messages, readMessage } from './shape.js';
import { isCount, isFlag, isNumber, isText } from './values.js';

/** Two models answer, each in a conversation of its own. */
export const TRY_SIDES = ['left', 'right'] as const;
export type TrySide = (typeof TRY_SIDES)[number];

/** How a prompt is answered. */
export interface TrySettings {
  /** Continue the text as it is, without the chat template and what was said before. */
  readonly plain: boolean;
  readonly maxTokens: number;
  /** 0: always the likeliest token. */
  readonly temperature: number;
  readonly topP: number;
  readonly seed: number;
}

export const DEFAULT_TRY_SETTINGS: TrySettings = { plain: false, maxTokens: 128, temperature: 0, topP: 1, seed: 0 };

/**
 * `done`: it ended by itself. `cut`: at the limit. `given`: it is the dataset's, and no model wrote it.
 * The first three: it is being written.
 */
export const TRY_STATES = ['exporting', 'loading', 'writing', 'done', 'cut', 'stopped', 'failed', 'given'] as const;
export type TryAnswerState = (typeof TRY_STATES)[number];

export interface TryAnswer {
  /** Name of the model that wrote it. */
  readonly model: string;
  readonly text: string;
  readonly tokens: number;
  readonly seconds: number;
  readonly state: TryAnswerState;
  /** Why it failed; empty otherwise. */
  readonly problem: string;
}

export function isUnderWay({ state }: Pick<TryAnswer, 'state'>): boolean {
  return state === 'exporting' || state === 'loading' || state === 'writing';
}

/** What the dataset answers to a prompt of it. */
export interface TryExample {
  /** File and row. */
  readonly place: string;
  readonly chosen: string;
  readonly rejected: string;
}

/** What was said, and what the models answered; null for a side that was not asked. */
export interface TryTurn {
  readonly id: number;
  readonly prompt: string;
  /** Empty: none. */
  readonly system: string;
  readonly settings: TrySettings;
  readonly example: TryExample | null;
  readonly left: TryAnswer | null;
  readonly right: TryAnswer | null;
}

export interface TryChat {
  readonly id: number;
  readonly turns: readonly TryTurn[];
}

/** A choice in a list, by a key that says nothing to the page. */
export interface TryChoice {
  readonly key: string;
  readonly label: string;
}

/** Keys of choices that are not models: the host asks which one. */
export const OTHER_RUN = '@run';
export const OTHER_FOLDER = '@folder';
/** Key of a right side that is not there. */
export const NO_MODEL = '@none';

export interface TryState {
  readonly run: string;
  /** Why nothing can be asked now; empty when something can. */
  readonly blocked: string;
  readonly trusted: boolean;
  readonly models: readonly TryChoice[];
  /** Keys of the models that are asked. */
  readonly left: string;
  readonly right: string;
  /** Newest first; keys are ids. */
  readonly chats: readonly TryChoice[];
  readonly chat: TryChat;
  /** Whether the run has an evaluation set. */
  readonly evaluates: boolean;
}

export interface TryToken {
  readonly id: number;
  readonly text: string;
  readonly special: boolean;
}

/** What a model has read for an answer, and what it wrote, token by token. */
export interface TryTokens {
  /** The prompt as the chat template rendered it. */
  readonly text: string;
  readonly prompt: readonly TryToken[];
  readonly answer: readonly TryToken[];
  /** In all; of very many only some are shown. */
  readonly promptTokens: number;
  readonly answerTokens: number;
}

export type TryHostMessage =
  | { readonly type: 'state'; readonly folder: string; readonly state: TryState }
  /** An answer that is being written. */
  | { readonly type: 'answer'; readonly chat: number; readonly turn: number; readonly side: TrySide; readonly answer: TryAnswer }
  /** Asked for by `tokens`; null where `problem` says why not. */
  | {
      readonly type: 'tokens';
      readonly chat: number;
      readonly turn: number;
      readonly side: TrySide;
      readonly tokens: TryTokens | null;
      readonly problem: string;
    }
  /** A prompt of the evaluation set, to be asked or changed. */
  | {
      readonly type: 'prompt';
      readonly prompt: string;
      readonly system: string;
      readonly plain: boolean;
      readonly example: TryExample;
      readonly note: string;
    };

export const TRY_REQUESTS = ['ready', 'stop', 'manage-trust', 'new-chat', 'delete-chat'] as const;
export const TRY_COPIES = ['prompt', 'left', 'right', 'all'] as const;
export type TryCopy = (typeof TRY_COPIES)[number];
export const EVALUATION_CHOICES = ['next', 'random', 'choose'] as const;
export type EvaluationChoice = (typeof EVALUATION_CHOICES)[number];

export type TryPageMessage =
  | { readonly type: (typeof TRY_REQUESTS)[number] }
  | {
      readonly type: 'say';
      readonly prompt: string;
      readonly system: string;
      readonly settings: TrySettings;
      readonly example: TryExample | null;
    }
  /** The last prompt once more, to the models and with the settings of now. */
  | { readonly type: 'again'; readonly system: string; readonly settings: TrySettings }
  | { readonly type: 'model'; readonly side: TrySide; readonly key: string }
  | { readonly type: 'open-chat'; readonly id: number }
  | { readonly type: 'copy'; readonly turn: number; readonly what: TryCopy }
  | { readonly type: 'forget'; readonly turn: number }
  | { readonly type: 'tokens'; readonly turn: number; readonly side: TrySide }
  | { readonly type: 'evaluation'; readonly which: EvaluationChoice };

/** Longer prompts fit no model. */
const LONGEST_PROMPT = 4_000_000;

/** What a page keeps across a reload of the window, and while it is hidden. */
export interface TryPageState {
  readonly folder: string;
  readonly prompt: string;
  readonly system: string;
  readonly settings: TrySettings;
  readonly example: TryExample | null;
}

const SETTINGS: Check<TrySettings> = {
  plain: isFlag,
  maxTokens: isCount,
  temperature: isNumber,
  topP: isNumber,
  seed: isCount,
};

const EXAMPLE: Check<TryExample> = { place: isText, chosen: isText, rejected: isText };

export const TRY_ANSWER = {
  model: isText,
  text: isText,
  tokens: isCount,
  seconds: isNumber,
  state: ['one of', TRY_STATES],
  problem: isText,
} as const satisfies Check<TryAnswer>;

/** Of a turn without its answers. */
export const TRY_TURN = {
  id: isCount,
  prompt: isText,
  system: isText,
  settings: SETTINGS,
  example: ['or null', EXAMPLE],
} as const satisfies Check<Omit<TryTurn, TrySide>>;

const TURN: Check<TryTurn> = { ...TRY_TURN, left: ['or null', TRY_ANSWER], right: ['or null', TRY_ANSWER] };
const CHOICES: Check<readonly TryChoice[]> = ['list of', { key: isText, label: isText }];
const TOKENS: Check<readonly TryToken[]> = ['list of', { id: isCount, text: isText, special: isFlag }];
const SIDE: Check<TrySide> = ['one of', TRY_SIDES];

const isPrompt = (value: unknown): value is string => isText(value) && value.length <= LONGEST_PROMPT;

const PAGE_MESSAGES: Messages<TryPageMessage> = {
  say: { prompt: isPrompt, system: isPrompt, settings: SETTINGS, example: ['or null', EXAMPLE] },
  again: { system: isPrompt, settings: SETTINGS },
  model: { side: SIDE, key: isText },
  'open-chat': { id: isCount },
  copy: { turn: isCount, what: ['one of', TRY_COPIES] },
  forget: { turn: isCount },
  tokens: { turn: isCount, side: SIDE },
  evaluation: { which: ['one of', EVALUATION_CHOICES] },
};

export function readTryPageMessage(value: unknown): TryPageMessage | undefined {
  return readMessage(value, TRY_REQUESTS, PAGE_MESSAGES);
}

const HOST_MESSAGES: Messages<TryHostMessage> = {
  state: {
    folder: isText,
    state: {
      run: isText,
      blocked: isText,
      trusted: isFlag,
      models: CHOICES,
      left: isText,
      right: isText,
      chats: CHOICES,
      chat: { id: isCount, turns: ['list of', TURN] },
      evaluates: isFlag,
    },
  },
  answer: { chat: isCount, turn: isCount, side: SIDE, answer: TRY_ANSWER },
  tokens: {
    chat: isCount,
    turn: isCount,
    side: SIDE,
    tokens: ['or null', { text: isText, prompt: TOKENS, answer: TOKENS, promptTokens: isCount, answerTokens: isCount }],
    problem: isText,
  },
  prompt: { prompt: isText, system: isText, plain: isFlag, example: EXAMPLE, note: isText },
};

export function readTryHostMessage(value: unknown): TryHostMessage | undefined {
  return readMessage(value, [], HOST_MESSAGES);
}

const PAGE_STATE: Check<TryPageState> = {
  folder: isText,
  prompt: isText,
  system: isText,
  settings: SETTINGS,
  example: ['or null', EXAMPLE],
};

export function readTryPageState(value: unknown): TryPageState | undefined {
  return fits(value, PAGE_STATE) ? value : undefined;
}
