/** The messages between the extension host and the panel that tries a trained model. Both sides check what they receive. */

import { isList } from './form.js';
import { isCount, isNumber, isObject, isOneOf, isText } from './values.js';

/** How a prompt is completed. */
export interface TrySettings {
  /** A text to go on with, without the chat template. */
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
  /** It ended by itself, not at the limit. */
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

export type TryMessage =
  | { readonly type: (typeof TRY_REQUESTS)[number] }
  | { readonly type: 'complete'; readonly prompt: string; readonly settings: TrySettings }
  | { readonly type: 'copy'; readonly id: number; readonly what: TryCopy }
  | { readonly type: 'forget'; readonly id: number };

/** Longer prompts fit no model. */
const LONGEST_PROMPT = 4_000_000;

/** A message from a page, or undefined when it is not one. */
export function readTryMessage(value: unknown): TryMessage | undefined {
  if (!isObject(value)) return undefined;
  const { type, prompt, settings, id, what } = value;
  if (isOneOf(type, TRY_REQUESTS)) return { type };
  if (type === 'complete' && isText(prompt) && prompt.length <= LONGEST_PROMPT && isSettings(settings)) return { type, prompt, settings };
  if (type === 'copy' && isCount(id) && isOneOf(what, TRY_COPIES)) return { type, id, what };
  if (type === 'forget' && isCount(id)) return { type, id };
  return undefined;
}

/** A message from the host, or undefined when it is not one this page knows. */
export function readTryHostMessage(value: unknown): TryHostMessage | undefined {
  if (!isObject(value) || value['type'] !== 'state' || !isText(value['folder']) || !isState(value['state'])) return undefined;
  return value as unknown as TryHostMessage;
}

/** What a page keeps over a reload of the window, and while it is hidden. */
export interface TryPageState {
  readonly folder: string;
  readonly prompt: string;
  readonly settings: TrySettings;
}

export function readTryPageState(value: unknown): TryPageState | undefined {
  if (!isObject(value) || !isText(value['folder']) || !isText(value['prompt']) || !isSettings(value['settings'])) return undefined;
  return value as unknown as TryPageState;
}

/** What was tried before, as it is kept; what is no such thing is left out. */
export function readTried(value: unknown): Tried[] {
  return Array.isArray(value) ? value.filter((each) => isObject(each) && isTried(each)) as Tried[] : [];
}

function isSettings(value: unknown): value is TrySettings {
  return (
    isObject(value) &&
    typeof value['plain'] === 'boolean' &&
    isCount(value['maxTokens']) &&
    isCount(value['seed']) &&
    ['temperature', 'topP'].every((name) => isNumber(value[name]))
  );
}

function isTryText(value: unknown): boolean {
  return value === null || (isObject(value) && isText(value['text']) && isCount(value['tokens']) && isNumber(value['seconds']) && typeof value['ended'] === 'boolean');
}

function isTried(value: Readonly<Record<string, unknown>>): boolean {
  return (
    isCount(value['id']) &&
    isText(value['prompt']) &&
    isSettings(value['settings']) &&
    isTryText(value['policy']) &&
    isTryText(value['reference']) &&
    isOneOf(value['state'], ['policy', 'reference', 'done', 'cancelled', 'failed']) &&
    isText(value['problem'])
  );
}

function isState(value: unknown): value is TryState {
  return (
    isObject(value) &&
    ['run', 'policy', 'blocked'].every((name) => isText(value[name])) &&
    (value['reference'] === null || isText(value['reference'])) &&
    typeof value['trusted'] === 'boolean' &&
    isList(value['tried'], isTried)
  );
}
