import { exactText } from '../exact-json/index.js';
import type { DatasetForm, Message, MessagePair, TextPair } from '../dataset/index.js';
import { isFields, type Fields } from '../dataset/fields.js';
import { FORMS, type Places } from '../dataset/forms/index.js';
import type { ShareGptTags } from '../dataset/llama-factory.js';
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

type Sides = Pick<Places, 'prompt' | 'chosen' | 'rejected'>;

/**
 * Says of every text of a pair where its row holds it.
 *
 * @param fields the row the pair was read from
 * @param places where its responses stand, when the row has several
 * @param tags names of a ShareGPT turn's fields, when they are not the usual ones
 * @returns undefined for a form whose places are not known here
 */
export function placeTexts(
  form: DatasetForm,
  fields: Fields,
  pair: TextPair | MessagePair,
  places?: ResponsePlaces,
  tags?: ShareGptTags,
): PlacedPair | undefined {
  const names = FORMS[form].place(fields, places);
  if (names === undefined) return undefined;
  const before = names.promptInResponses ? pair.prompt.length : 0;
  if (pair.kind === 'text') {
    const part = (side: keyof Sides, offset: number): Part<PlacedText> => ({
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
  const { system } = fields;
  const hasSystem = names.systemField && typeof system === 'string' && system !== '';
  // A system text of its own stands in no list.
  const inLists = hasSystem ? before - 1 : before;
  const keys = (names.keys && tags) ?? names.keys ?? { role: 'role', content: 'content' };
  const part = (side: keyof Sides, first: number): Part<PlacedMessage> => ({
    path: names[side],
    texts: placeMessages(pair[side], names[side], valueAt(fields, names[side]), keys, first),
  });
  return {
    kind: 'messages',
    prompt: names.question ? placeQuestion(pair.prompt, fields, names.prompt, names.question) : part('prompt', hasSystem ? -1 : 0),
    chosen: part('chosen', names.promptInResponses ? inLists : 0),
    rejected: part('rejected', names.promptInResponses === true ? inLists : 0),
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
    const holder: unknown = Array.isArray(value) ? value[number] : value;
    const written = isFields(holder) ? holder[keys.content] : undefined;
    return { ...message, rolePath: `${place}.${keys.role}`, path: `${place}.${keys.content}${partOf(written)}` };
  });
}

/** Where a message of parts holds its text, when one of them does; else all of them are the place. */
function partOf(content: unknown): string {
  if (!Array.isArray(content)) return '';
  const isText = (part: unknown): boolean => isFields(part) && part['type'] === 'text' && typeof part['value'] === 'string';
  const texts = content.flatMap((part: unknown, index) => (isText(part) ? [index] : []));
  return texts.length === 1 ? `[${texts[0]}].value` : '';
}

/** A prompt whose last message several fields make, each by itself: problems are told in one of them. */
function placeQuestion(
  messages: readonly Message[],
  fields: Fields,
  path: string,
  question: NonNullable<Places['question']>,
): Part<PlacedMessage> {
  const placed = (role: string, text: string, path: string): PlacedMessage => {
    return { role, text, path, rolePath: path, offset: 0, extra: '' };
  };
  const system = messages.filter(({ role }) => role === 'system').map(({ content }) => placed('system', content ?? '', 'system'));
  const rounds = messages.slice(system.length, -1).map(({ role, content }, index) => {
    return placed(role, content ?? '', `history[${index >> 1}][${index & 1}]`);
  });
  const query = question.flatMap(([role, field]) => {
    const text = fields[field];
    return typeof text === 'string' && text !== '' ? [placed(role, text, field)] : [];
  });
  return { path, texts: [...system, ...rounds, ...query] };
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
  return names.length === 0 ? '' : exactText(names.map((name) => [name, fields[name]]));
}
