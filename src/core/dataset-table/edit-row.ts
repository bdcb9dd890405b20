import { FieldLocator } from '../checks/locate.js';
import { type PlacedMessage, type PlacedText, placeTexts, valueAt } from '../checks/pair-texts.js';
import { readRow } from '../checks/row-pairs.js';
import type { Message } from '../dataset/index.js';
import type { Span } from '../checks/types.js';
import { WishboneError } from '../errors.js';
import type { Part } from './columns.js';

/** A text of a pair that is to be another one. */
export interface TextChange {
  readonly pair: number;
  readonly part: Part;
  /** Of the part's messages, from 0; 0 for plain text. */
  readonly turn: number;
  readonly text: string;
}

/** What to write in a row's JSON text. */
export interface RowEdit {
  /** UTF-16 units of the row's text. */
  readonly span: Span;
  readonly text: string;
}

/**
 * The edit of a row's JSON text that gives a pair another text. Nothing else in the row changes.
 *
 * @throws WishboneError where the row does not hold that text in one place of its own
 */
export function rowEdit(row: string, { pair, part, turn, text }: TextChange, where: string): RowEdit {
  const read = readRow(row);
  const own = read?.pairs[pair];
  const placed = read && own && placeTexts(read.form, read.fields, own, read.places?.[pair]);
  const at: PlacedText | PlacedMessage | undefined = placed?.[part].texts[turn];
  // A prompt of several fields may be one message.
  if (read === undefined || own === undefined || at === undefined || contentOf(own[part], turn) !== at.text)
    throw cannotEdit('the row cannot be read as a pair', where);
  const written = valueAt(read.fields, at.path);
  // A text that is a part of the field, behind a prompt, say: only that part is written anew.
  if (typeof written !== 'string' || !written.startsWith(at.text, at.offset) || written.length !== at.offset + at.text.length) {
    throw cannotEdit(`its field "${at.path}" holds more than this text`, where);
  }
  const locator = new FieldLocator(row);
  if (at.offset === 0) return { span: locator.value(at.path), text: JSON.stringify(text) };
  return { span: locator.within(at.path, at.offset, written.length), text: JSON.stringify(text).slice(1, -1) };
}

function contentOf(part: string | readonly Message[], turn: number): string | undefined {
  return typeof part === 'string' ? part : (part[turn]?.content ?? undefined);
}

function cannotEdit(why: string, where: string): WishboneError {
  return new WishboneError(`the text cannot be changed here: ${why}`, where, 'change it in the text editor (Open Row)');
}
