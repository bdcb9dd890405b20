import type { DatasetForm, MessagePair, TextPair } from '../dataset/index.js';
import { isFields, type Fields } from '../dataset/fields.js';

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
export interface Part<T extends PlacedText> {
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

/** The forms of one chosen and one rejected response. */
export type PlacedForm = Exclude<DatasetForm, 'ranked' | 'scored'>;

const fieldNames: Readonly<Record<PlacedForm, { prompt: string; chosen: string; rejected: string }>> = {
  'trl-explicit': { prompt: 'prompt', chosen: 'chosen', rejected: 'rejected' },
  // The prompt is what both begin with.
  'trl-implicit': { prompt: 'chosen', chosen: 'chosen', rejected: 'rejected' },
  sharegpt: { prompt: 'conversations', chosen: 'chosen', rejected: 'rejected' },
  openai: { prompt: 'input.messages', chosen: 'preferred_output', rejected: 'non_preferred_output' },
};

/** Says of every text of a pair where its row holds it. `fields`: the row the pair was read from. */
export function placeTexts(form: PlacedForm, fields: Fields, pair: TextPair | MessagePair): PlacedPair {
  const names = fieldNames[form];
  const isImplicit = form === 'trl-implicit';
  if (pair.kind === 'text') {
    const part = (side: 'prompt' | 'chosen' | 'rejected', offset: number): Part<PlacedText> => ({
      path: names[side],
      texts: [{ text: pair[side], path: names[side], offset }],
    });
    const before = isImplicit ? pair.prompt.length : 0;
    return {
      kind: 'text',
      prompt: part('prompt', 0),
      chosen: part('chosen', before),
      rejected: part('rejected', before),
    };
  }
  const [roleName, contentName] = form === 'sharegpt' ? ['from', 'value'] : ['role', 'content'];
  const part = (side: 'prompt' | 'chosen' | 'rejected', first: number): Part<PlacedMessage> => ({
    path: names[side],
    texts: pair[side].map(({ role, content, ...others }, index) => {
      const number = first + index;
      const message = { role, text: content ?? '', offset: 0, extra: extraOf(others) };
      // ShareGPT's system text stands before its conversation, in a field of its own.
      if (number < 0) return { ...message, rolePath: 'system', path: 'system' };
      const isList = form !== 'sharegpt' || side === 'prompt' || !isFields(fields[names[side]]);
      const place = isList ? `${names[side]}[${number}]` : names[side];
      return { ...message, rolePath: `${place}.${roleName}`, path: `${place}.${contentName}` };
    }),
  });
  const { system } = fields;
  const hasSystem = form === 'sharegpt' && typeof system === 'string' && system !== '';
  const before = isImplicit ? pair.prompt.length : 0;
  return {
    kind: 'messages',
    prompt: part('prompt', hasSystem ? -1 : 0),
    chosen: part('chosen', before),
    rejected: part('rejected', before),
  };
}

function extraOf(fields: Fields): string {
  const names = Object.keys(fields).sort();
  return names.length === 0 ? '' : JSON.stringify(names.map((name) => [name, fields[name]]));
}
