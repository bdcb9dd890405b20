import { WishboneError } from '../errors.js';
import { isWrittenMessages, KEEP_LISTS } from './text-messages.js';
import { fileKey, isNumber, numberOf } from '../exact-json/index.js';
import { isWellFormed } from '../text/well-formed.js';
import { checkTexts } from './check-texts.js';
import type { Message } from './types.js';

/** What a JSON value is, in words a person who wrote the file uses. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') return 'text';
  if (isNumber(value)) return Number.isNaN(Number(value)) ? 'NaN' : Number.isFinite(Number(value)) ? 'a number' : 'infinity';
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'boolean') return 'true or false';
  return `a ${typeof value}`;
}

/** A JSON object. */
export type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Number);
}

/** A field's value, looked at without counting as read (`trackFields`). */
export function peek(fields: Fields, name: string): unknown {
  return Object.getOwnPropertyDescriptor(fields, name)?.value as unknown;
}

/** The same without the fields that are null: in a message, as transformers 5.23 has it, such a field is not there. */
function withoutNulls(fields: Fields): Fields {
  for (const name of Object.keys(fields)) {
    if (fields[name] === null) return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
  }
  return fields;
}

/** What kind of fault a field has: it is not there, of another type, blank, or its value is none that can be used. */
export type FieldFault = 'missing' | 'type' | 'blank' | 'value';

/** An error in one field of a row. */
export class FieldError extends WishboneError {
  constructor(
    what: string,
    where: string,
    advice: string,
    /** Path of the field within its row, such as `conversations[2].value`. */
    readonly field: string,
    readonly fault: FieldFault,
  ) {
    super(what, where, advice);
  }
}

/**
 * One row being read: its fields, and errors that name file, line (or row) and field. A field path like
 * `conversations[2].value` is built by the callers.
 */
export class RowReader {
  constructor(
    /** Where the row stands. */
    readonly where: string,
    readonly fields: Fields,
  ) {}

  error(what: string, field: string, advice: string, fault: FieldFault = 'value'): FieldError {
    return new FieldError(what, `${this.where}, field "${field}"`, advice, field, fault);
  }

  /** The value of a field that must be there. */
  need(fields: Fields, key: string, path: string): unknown {
    const value = Object.hasOwn(fields, key) ? fields[key] : undefined;
    if (value === undefined) {
      const there = Object.keys(fields)
        .slice(0, 8)
        .map((name) => `"${name}"`)
        .join(', ');
      throw this.error(
        `missing field "${path}"`,
        path,
        there === '' ? 'the object is empty; add the field' : `add it; the row has ${there}`,
        'missing',
      );
    }
    return value;
  }

  text(value: unknown, path: string): string {
    if (typeof value !== 'string') throw this.wrongType(value, path, 'text');
    if (!isWellFormed(value)) {
      throw this.error(
        'half of a surrogate pair, which is not a character',
        path,
        'write the whole character, or remove the \\uXXXX escape',
      );
    }
    return value;
  }

  /** Text with more than white space in it. */
  filledText(value: unknown, path: string): string {
    const text = this.text(value, path);
    if (text.trim() === '') this.blank(path, text);
    return text;
  }

  /** A number, or text that says one: score columns are often text. */
  number(value: unknown, path: string): number {
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : numberOf(value);
    if (number === undefined || !Number.isFinite(number)) {
      const found = typeof value === 'string' ? JSON.stringify(value.slice(0, 40)) : kindOf(value);
      const what = found === 'NaN' ? `field "${path}" is NaN, which cannot be compared` : `field "${path}" must be a number, not ${found}`;
      throw this.error(what, path, 'write a number, or remove the row');
    }
    return number;
  }

  /** Called for a response or role without text. Reading ends here; whoever can go on with the row overrides it. */
  blank(path: string, text: string): void {
    throw this.empty(path, text);
  }

  object(value: unknown, path: string): Fields {
    if (!isFields(value)) throw this.wrongType(value, path, 'an object');
    return value;
  }

  list(value: unknown, path: string): readonly unknown[] {
    if (!Array.isArray(value)) throw this.wrongType(value, path, 'a list');
    if (value.length === 0) throw this.error(`field "${path}" is an empty list`, path, 'add at least one entry, or remove the row');
    return value;
  }

  wrongType(value: unknown, path: string, wanted: string): FieldError {
    const isWritten = typeof value === 'string' && isWrittenMessages(value);
    const advice = isWritten ? `it is messages written as text: ${KEEP_LISTS}` : `make it ${wanted}`;
    return this.error(`field "${path}" must be ${wanted}, not ${kindOf(value)}`, path, advice, 'type');
  }

  empty(path: string, text: string): FieldError {
    const what = text === '' ? 'is empty' : 'is empty: it holds only white space';
    return this.error(`field "${path}" ${what}`, path, 'write the text, or remove the row', 'blank');
  }

  /** Messages with `role` and `content`, as in TRL and OpenAI files. `filled`: a message must say something. */
  messages(value: unknown, path: string, filled: boolean): Message[] {
    return this.list(value, path).map((item, index) => this.message(item, `${path}[${index}]`, filled));
  }

  /** A message with all of its fields but those that are null. */
  message(value: unknown, path: string, filled: boolean): Message {
    const fields = withoutNulls(this.object(value, path));
    const role = this.filledText(this.need(fields, 'role', `${path}.role`), `${path}.role`);
    for (const name of Object.keys(fields)) {
      if (name !== 'role' && name !== 'content') checkTexts(this, fields[name], `${path}.${fileKey(name)}`);
    }
    const callsTools = Array.isArray(fields['tool_calls']) && fields['tool_calls'].length > 0;
    if (callsTools && fields['content'] === undefined) return { ...fields, role };
    const contentPath = `${path}.content`;
    const content = this.#content(this.need(fields, 'content', contentPath), contentPath);
    if (filled && !callsTools && content.trim() === '') this.blank(contentPath, content);
    return { ...fields, role, content };
  }

  /** Text, or OpenAI's list of text parts. */
  #content(value: unknown, path: string): string {
    if (!Array.isArray(value)) return this.text(value, path);
    const parts = value.map((item: unknown, index) => {
      const part = this.object(item, `${path}[${index}]`);
      if (part['type'] !== 'text') {
        throw this.error('only text can be trained on', `${path}[${index}].type`, 'remove parts whose type is not "text"');
      }
      return this.text(this.need(part, 'text', `${path}[${index}].text`), `${path}[${index}].text`);
    });
    return parts.join('');
  }
}
