import { createHash } from 'node:crypto';
import { FieldError, isFields, kindOf, RowReader, type Fields } from '../dataset/fields.js';
import { detectForm, readForm } from '../dataset/forms.js';
import { formDescriptions, type DatasetForm } from '../dataset/index.js';
import { findJsonFault, isJsonSpace } from '../dataset/json-fault.js';
import { holdsSeveral, type RowPairs } from '../dataset/responses.js';
import { FieldLocator } from './locate.js';
import { type PlacedForm, type PlacedMessage, type PlacedPair, type PlacedText, placeTexts } from './pair-texts.js';
import { checkRoleOrder } from './role-order.js';
import { findSuspicious } from './suspicious-text.js';
import type { CheckName, RowProblem, Span } from './types.js';

/** What other rows are compared by. */
export interface PairFacts {
  readonly kind: 'text' | 'messages';
  /** Hash of prompt, chosen and rejected. */
  readonly key: string;
  /** The key of the row that would prefer the other response. */
  readonly oppositeKey: string;
  /** Characters (UTF-16 units) of each response. */
  readonly chosenLength: number;
  readonly rejectedLength: number;
  /** Path of the field that holds the chosen response. */
  readonly chosenPath: string;
}

/**
 * What one row's text tells by itself, whatever other rows there are. Holds nothing of the text: a row cut from a
 * file's text would keep all of that version of the file in memory.
 */
export interface RowCheck {
  readonly form: DatasetForm | undefined;
  /** Pairs that the row makes: none when it cannot be trained on, several when it has several responses. */
  readonly pairs: number;
  /** Of a row of one chosen and one rejected response; undefined when it cannot be trained on. */
  readonly pair: PairFacts | undefined;
  readonly problems: readonly RowProblem[];
  readonly isJson: boolean;
  /** The row's opening bracket, which stands for the row where no field does. */
  readonly opening: Span;
}

/** Checks the JSON text of one row. Never throws: what cannot be read is a problem. */
export function checkRow(text: string): RowCheck {
  const opening = { start: 0, end: Math.min(1, text.length) };
  const unread = { form: undefined, pairs: 0, pair: undefined, isJson: true, opening };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ...unread, isJson: false, problems: [malformed(text)] };
  }
  if (!isFields(value)) {
    const what = `a row must be an object, not ${kindOf(value)}`;
    const span = { start: 0, end: text.length };
    return { ...unread, problems: [{ check: 'malformed-row', what, advice: 'write each pair as { … }', span }] };
  }
  const form = detectForm(value);
  if (form === undefined) {
    const what = 'the fields of this row are those of no known form of preference pair';
    const advice = `use one of: ${Object.values(formDescriptions).join('; ')}`;
    return { ...unread, problems: [{ check: 'unknown-form', what, advice, span: opening }] };
  }
  return { ...checkPair(form, value, new FieldLocator(text)), form, isJson: true, opening };
}

function malformed(text: string): RowProblem {
  const fault = findJsonFault(text);
  const advice = 'correct the line; every row must be one JSON object';
  if (typeof fault === 'number') {
    let start = fault;
    while (isJsonSpace(text.charCodeAt(start))) start++;
    const what = 'not JSON: something follows the JSON value';
    return { check: 'malformed-row', what, advice, span: { start, end: text.length } };
  }
  let start = Math.min(fault.offset, text.length - 1);
  // A line break cannot be seen marked; what stands before it can.
  while (start > 0 && /[\r\n]/.test(text.charAt(start))) start--;
  return { check: 'malformed-row', what: `not JSON: ${fault.what}`, advice, span: { start, end: start + 1 } };
}

/** Goes on after a blank response, so that the other one is looked at too. */
class CheckingReader extends RowReader {
  readonly blanks: FieldError[] = [];

  constructor(fields: Fields) {
    // Errors are told by field; file and line are added by whoever knows them.
    super('', fields);
  }

  override blank(path: string, text: string): void {
    const error = this.empty(path, text);
    // Without a role there is no message.
    if (path.endsWith('.role')) throw error;
    this.blanks.push(error);
  }
}

function checkPair(
  form: DatasetForm,
  fields: Fields,
  locator: FieldLocator,
): { pairs: number; pair: PairFacts | undefined; problems: RowProblem[] } {
  const reader = new CheckingReader(fields);
  let read: RowPairs;
  try {
    read = readForm(form, reader, { pairing: 'all', minMargin: 0 });
  } catch (error) {
    if (!(error instanceof FieldError)) throw error;
    const faults = [...reader.blanks, error];
    return { pairs: 0, pair: undefined, problems: faults.map((fault) => fieldProblem(fault, locator)) };
  }
  const problems = reader.blanks.map((fault) => fieldProblem(fault, locator));
  const pairs = problems.length > 0 ? 0 : read.pairs.length;
  const [only] = read.pairs;
  // Of several responses the fields are checked, but they are not compared.
  if (only === undefined || !isPlaced(form, fields)) return { pairs, pair: undefined, problems };
  const placed = placeTexts(form, fields, only);
  if (problems.length === 0) problems.push(...compareResponses(placed, locator));
  problems.push(...checkRoles(placed, locator), ...checkTexts(placed, locator));
  problems.sort((a, b) => a.span.start - b.span.start);
  return { pairs, pair: pairs === 0 ? undefined : factsOf(placed), problems };
}

/** Whether the row has one chosen and one rejected response, in fields of those names. */
function isPlaced(form: DatasetForm, fields: Fields): form is PlacedForm {
  if (form === 'ranked' || form === 'scored') return false;
  return !holdsSeveral(fields['chosen']) && !holdsSeveral(fields['rejected']);
}

function fieldProblem({ what, advice, field, fault }: FieldError, locator: FieldLocator): RowProblem {
  if (fault === 'missing') return { check: 'missing-field', what, advice, span: locator.owner(field) };
  const checks = { type: 'wrong-type', value: 'bad-value', blank: 'empty-response' } as const;
  const check = field.endsWith('.role') ? 'bad-value' : checks[fault];
  return { check, what, advice, span: locator.value(field) };
}

function compareResponses({ chosen, rejected }: PlacedPair, locator: FieldLocator): RowProblem[] {
  const key = (part: { readonly texts: readonly PlacedText[] }): string => JSON.stringify(part.texts.map(contentOf));
  const problem = (check: CheckName, what: string, advice: string): RowProblem[] => [
    { check, what, advice, span: locator.value(rejected.path) },
  ];
  const [one, other] = [key(chosen), key(rejected)];
  if (one === other) {
    const advice = 'there is nothing to prefer; correct one of them, or remove the row';
    return problem('equal-responses', 'chosen and rejected are equal', advice);
  }
  const solid = (part: { readonly texts: readonly PlacedText[] }): string =>
    JSON.stringify(part.texts.map((placed) => contentOf(placed).map((text) => text.replace(/\s+/gu, ''))));
  if (solid(chosen) !== solid(rejected)) return [];
  const advice = 'the model would learn to lay text out, not to answer; correct one of them, or remove the row';
  return problem('white-space-difference', 'chosen and rejected differ only in white space', advice);
}

/** What makes a text or message what it is, apart from its place. */
function contentOf(placed: PlacedText | PlacedMessage): string[] {
  return 'role' in placed ? [placed.role, placed.extra, placed.text] : [placed.text];
}

function checkRoles(placed: PlacedPair, locator: FieldLocator): RowProblem[] {
  if (placed.kind === 'text') return [];
  return checkRoleOrder(placed.prompt.texts, [placed.chosen.texts, placed.rejected.texts]).map(
    ({ message, what, advice }) => ({ check: 'role-order', what, advice, span: locator.value(message.rolePath) }),
  );
}

function checkTexts({ kind, prompt, chosen, rejected }: PlacedPair, locator: FieldLocator): RowProblem[] {
  const problems: RowProblem[] = [];
  for (const { text, path, offset } of [...prompt.texts, ...chosen.texts, ...rejected.texts]) {
    for (const { check, at, length, count } of findSuspicious(text)) {
      const span = locator.within(path, offset + at, offset + at + length);
      const more = count > 1 ? `, and ${count - 1} more in this text` : '';
      problems.push({ check, ...suspicionWords(check, text.slice(at, at + length), more), span });
    }
  }
  for (const { texts } of [chosen, rejected]) {
    for (const [index, placed] of texts.entries()) {
      problems.push(...outerWhiteSpace(placed, kind === 'messages', index === texts.length - 1, locator));
    }
  }
  return problems;
}

function suspicionWords(check: 'template-token' | 'mojibake', found: string, more: string) {
  if (check === 'template-token') {
    return {
      what: `${JSON.stringify(found)} looks like a token of a chat template${more}`,
      advice: 'remove it: the chat template of the model adds its own',
    };
  }
  return {
    what: `${JSON.stringify(found)} looks like text in the wrong encoding${more}`,
    advice: 'read the source again as UTF-8',
  };
}

/**
 * White space around a response. In plain text only at the end: there the space before a response parts it from its
 * prompt.
 */
function outerWhiteSpace(
  { text, path, offset }: PlacedText,
  isMessage: boolean,
  isLast: boolean,
  locator: FieldLocator,
): RowProblem[] {
  if (!isLast || text.trim() === '') return [];
  const leading = isMessage ? text.length - text.trimStart().length : 0;
  const solidEnd = text.trimEnd().length;
  const trim = [
    ...(leading > 0 ? [locator.within(path, offset, offset + leading)] : []),
    ...(solidEnd < text.length ? [locator.within(path, offset + solidEnd, offset + text.length)] : []),
  ];
  const [first] = trim;
  if (first === undefined) return [];
  const where = trim.length === 2 ? 'begins and ends' : leading > 0 ? 'begins' : 'ends';
  const what = `the response ${where} with white space`;
  return [{ check: 'outer-white-space', what, advice: 'trim it, unless the model is to write it', span: first, trim }];
}

function factsOf({ kind, prompt, chosen, rejected }: PlacedPair): PairFacts {
  const parts = [prompt, chosen, rejected].map(({ texts }) => JSON.stringify(texts.map(contentOf)));
  const [promptPart, chosenPart, rejectedPart] = parts as [string, string, string];
  const hash = (one: string, other: string): string =>
    createHash('sha1').update(promptPart).update('\n').update(one).update('\n').update(other).digest('base64');
  const length = (texts: readonly PlacedText[]): number => texts.reduce((sum, { text }) => sum + text.length, 0);
  return {
    kind,
    key: hash(chosenPart, rejectedPart),
    oppositeKey: hash(rejectedPart, chosenPart),
    chosenLength: length(chosen.texts),
    rejectedLength: length(rejected.texts),
    chosenPath: chosen.path,
  };
}
