import type { DatasetForm, Message, MessagePair, TextPair } from '../dataset/index.js';
import { isFields, type Fields } from '../dataset/fields.js';
import type { ResponsePlaces } from '../dataset/responses.js';
import { stepsOf } from './locate.js';

/** A text of a pair and where its row holds it. */
export interface PlacedText {
  readonly text: string;
  /** Path of the field that holds the text. */
  readonly path: string;
  /** Units of the field's content that come before `text`; above 0 where a response follows its prompt in one field. */
  readonly offset: number;
}

/** A message of a pair and where its row holds it. */
export interface PlacedMessage extends PlacedText {
  readonly role: string;
  readonly rolePath: string;
  /** Whatever a message has beside role and content (name, tool calls), as JSON text. */
  readonly extra: string;
}

/** One of a pair's three parts. */
export interface Part<T extends PlacedText = PlacedText | PlacedMessage> {
  /** The field that holds it, with whatever else that field holds. */
  readonly path: string;
  readonly texts: readonly T[];
}

/** A pair's parts with their places: one text in each, or messages. */
export type PlacedPair =
  | {
      readonly kind: 'text';
      readonly prompt: Part<PlacedText>;
      readonly chosen: Part<PlacedText>;
      readonly rejected: Part<PlacedText>;
    }
  | {
      readonly kind: 'messages';
      readonly prompt: Part<PlacedMessage>;
      readonly chosen: Part<PlacedMessage>;
      readonly rejected: Part<PlacedMessage>;
    };

interface Names extends ResponsePlaces {
  readonly prompt: string;
}

/** Where a row holds a pair's parts; undefined for a form whose places are not known here. */
function namesOf(form: DatasetForm, fields: Fields, places: ResponsePlaces | undefined): Names | undefined {
  const both = places ?? { chosen: 'chosen', rejected: 'rejected' };
  switch (form) {
    case 'trl-explicit':
      return { prompt: 'prompt', ...both };
    case 'trl-implicit':
      // The prompt is what both begin with.
      return { prompt: both.chosen, ...both };
    case 'sharegpt':
      return { prompt: 'conversations', ...both };
    case 'openai':
      return { prompt: 'input.messages', chosen: 'preferred_output', rejected: 'non_preferred_output' };
    case 'ranked':
    case 'scored': {
      const hasPrompt = (fields['prompt'] ?? null) !== null;
      return places === undefined ? undefined : { prompt: hasPrompt ? 'prompt' : 'instruction', ...places };
    }
    default:
      return undefined;
  }
}

/**
 * Says of every text of a pair where its row holds it.
 *
 * @param fields the row the pair was read from
 * @param places where its responses stand, when the row has several
 * @returns undefined for a form whose places are not known here
 */
export function placeTexts(
  form: DatasetForm,
  fields: Fields,
  pair: TextPair | MessagePair,
  places?: ResponsePlaces,
): PlacedPair | undefined {
  const names = namesOf(form, fields, places);
  if (names === undefined) return undefined;
  const before = form === 'trl-implicit' ? pair.prompt.length : 0;
  if (pair.kind === 'text') {
    const part = (side: keyof Names, offset: number): Part<PlacedText> => ({
      path: names[side],
      texts: [{ text: pair[side], path: names[side], offset }],
    });
    return {
      kind: 'text',
      prompt: part('prompt', 0),
      chosen: part('chosen', before),
      rejected: part('rejected', before),
    };
  }
  const keys = form === 'sharegpt' ? { role: 'from', content: 'value' } : { role: 'role', content: 'content' };
  const part = (side: keyof Names, first: number): Part<PlacedMessage> => ({
    path: names[side],
    texts: placeMessages(pair[side], names[side], valueAt(fields, names[side]), keys, first),
  });
  const { system } = fields;
  const hasSystem = form === 'sharegpt' && typeof system === 'string' && system !== '';
  return {
    kind: 'messages',
    prompt: part('prompt', hasSystem ? -1 : 0),
    chosen: part('chosen', before),
    rejected: part('rejected', before),
  };
}

/**
 * @param value what the row holds at `path`: a list of messages, one message, or the text of one
 * @param first index in that list of the first of `messages`; -1 for one that stands in a field `system` of its own
 */
function placeMessages(
  messages: readonly Message[],
  path: string,
  value: unknown,
  keys: { readonly role: string; readonly content: string },
  first: number,
): PlacedMessage[] {
  return messages.map(({ role, content, ...others }, index) => {
    const number = first + index;
    const message = { role, text: content ?? '', offset: 0, extra: extraOf(others) };
    if (number < 0) return { ...message, rolePath: 'system', path: 'system' };
    if (typeof value === 'string') return { ...message, rolePath: path, path };
    const place = Array.isArray(value) ? `${path}[${number}]` : path;
    return { ...message, rolePath: `${place}.${keys.role}`, path: `${place}.${keys.content}` };
  });
}

/** The value at a path such as `completions[2].response`; undefined when there is none. */
export function valueAt(fields: Fields, path: string): unknown {
  let value: unknown = fields;
  for (const step of stepsOf(path)) {
    if (typeof step === 'number') value = Array.isArray(value) ? (value as unknown[])[step] : undefined;
    else value = isFields(value) && Object.hasOwn(value, step) ? value[step] : undefined;
  }
  return value;
}

function extraOf(fields: Fields): string {
  const names = Object.keys(fields).sort();
  return names.length === 0 ? '' : JSON.stringify(names.map((name) => [name, fields[name]]));
}
