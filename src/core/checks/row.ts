import { FieldError, isFields, kindOf, RowReader, type Fields } from '../dataset/fields.js';
import { detectForm, FORM_COLUMNS, NO_FORM_ADVICE, readForm } from '../dataset/forms/index.js';
import type { DatasetForm } from '../dataset/index.js';
import { refuseMedia } from '../dataset/media.js';
import { LONGEST_ROW, rowTooLong } from '../dataset/row-limit.js';
import { unpairedFeedback } from '../dataset/unpaired.js';
import { rowColumns, trackFields, type RowColumns } from '../dataset/unread-columns.js';
import { parseExactRow } from '../exact-json/index.js';
import { findJsonFault, isJsonSpace } from '../dataset/json-fault.js';
import type { RowPairs } from '../dataset/responses.js';
import { nearestName } from '../nearest-name.js';
import { FieldLocator, stepsOf } from './locate.js';
import { checkParts, compareResponses } from './pair-checks.js';
import { factsOf, sourceOf, type PairFacts } from './pair-facts.js';
import { placeTexts } from './pair-texts.js';
import type { RowSettings } from './row-pairs.js';
import type { RowProblem, Span } from './types.js';

/** Names that some form gives a meaning. */
const KNOWN_NAMES: ReadonlySet<string> = new Set([
  ...FORM_COLUMNS,
  ...['messages', 'role', 'content', 'from', 'value', 'name', 'tool_calls', 'function', 'arguments', 'score', 'text'],
]);

/** Of a row with more pairs than this, the others are not compared. */
const MOST_PAIRS = 256;

/**
 * What one row's text tells by itself, whatever other rows there are. Holds nothing of the text: a row cut from a
 * file's text would keep all of that version of the file in memory.
 */
export interface RowCheck {
  readonly form: DatasetForm | undefined;
  /** Pairs that the row makes: none when it cannot be trained on, several when it has several responses. */
  readonly pairs: number;
  /** What other rows are compared by; none when the row cannot be trained on. */
  readonly facts: readonly PairFacts[];
  readonly kind: 'text' | 'messages' | undefined;
  /** What the row says of where it comes from. */
  readonly source: string | undefined;
  /** What the form leaves out of it; undefined when it cannot be trained on. */
  readonly columns: RowColumns | undefined;
  readonly problems: readonly RowProblem[];
  readonly isJson: boolean;
  /** The row's opening bracket, which stands for the row where no field does. */
  readonly opening: Span;
}

/** Checks the JSON text of one row. Never throws: what cannot be read is a problem. */
export function checkRow(text: string, settings: RowSettings = {}): RowCheck {
  const opening = { start: 0, end: Math.min(1, text.length) };
  const unread = { form: undefined, pairs: 0, facts: [], kind: undefined, source: undefined, columns: undefined, isJson: true, opening };
  if (isLongText(text)) {
    const { what, advice } = rowTooLong('');
    return { ...unread, problems: [{ check: 'malformed-row', what, advice, span: opening }] };
  }
  let value: unknown;
  try {
    value = parseExactRow(text);
  } catch {
    return { ...unread, isJson: false, problems: [malformed(text)] };
  }
  if (!isFields(value)) {
    const what = `a row must be an object, not ${kindOf(value)}`;
    const span = { start: 0, end: text.length };
    return { ...unread, problems: [{ check: 'malformed-row', what, advice: 'write each pair as { … }', span }] };
  }
  const form = settings.form ?? detectForm(value);
  if (form === undefined) {
    const unpaired = unpairedFeedback(value);
    if (unpaired !== undefined) {
      const { what, advice, field } = unpaired;
      return { ...unread, problems: [{ check: 'unknown-form', what, advice, span: new FieldLocator(text).value(field) }] };
    }
    const what = 'the fields of this row match no known form of preference pair';
    return { ...unread, problems: [{ check: 'unknown-form', what, advice: NO_FORM_ADVICE, span: opening }] };
  }
  return { ...checkPair(form, value, new FieldLocator(text), settings), form, isJson: true, opening };
}

/** Whether a run would refuse a row for its length. No UTF-16 unit takes more than three bytes. */
function isLongText(text: string): boolean {
  return 3 * text.length > LONGEST_ROW && Buffer.byteLength(text) > LONGEST_ROW;
}

function malformed(text: string): RowProblem {
  const fault = findJsonFault(text);
  const advice = 'fix the line; every row must be one JSON object';
  if (typeof fault === 'number') {
    let start = fault;
    while (isJsonSpace(text.charCodeAt(start))) start++;
    const what = 'not JSON: something follows the JSON value';
    return { check: 'malformed-row', what, advice, span: { start, end: text.length } };
  }
  let start = Math.min(fault.offset, text.length - 1);
  // A line break cannot be seen marked; what stands before it can.
  while (start > 0 && /[\r\n]/.test(text.charAt(start))) start--;
  const span = { start, end: start + 1 };
  return { check: 'malformed-row', what: `not JSON: ${fault.what}`, advice: fault.advice ?? advice, span };
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
  { tags, media }: RowSettings,
): Omit<RowCheck, 'form' | 'isJson' | 'opening'> {
  const tracked = trackFields(fields);
  const reader = new CheckingReader(tracked.fields);
  const none = { pairs: 0, facts: [], kind: undefined, source: undefined, columns: undefined };
  let read: RowPairs;
  try {
    read = readForm(form, reader, { pairing: 'all', minMargin: 0, tags });
    refuseMedia(reader, fields, media);
  } catch (error) {
    if (!(error instanceof FieldError)) throw error;
    const faults = [...reader.blanks, error];
    return { ...none, problems: faults.map((fault) => fieldProblem(fault, fields, locator)) };
  }
  const problems = reader.blanks.map((fault) => fieldProblem(fault, fields, locator));
  const isUsable = problems.length === 0;
  const placed = read.pairs.slice(0, MOST_PAIRS).flatMap((pair, index) => placeTexts(form, fields, pair, read.places?.[index], tags) ?? []);
  if (isUsable) problems.push(...compareResponses(placed, locator));
  problems.push(...checkParts(placed, locator));
  problems.sort((a, b) => a.span.start - b.span.start);
  if (!isUsable) return { ...none, problems };
  return {
    pairs: read.pairs.length,
    facts: placed.map((pair) => factsOf(pair, fields)),
    kind: read.pairs[0]?.kind,
    source: sourceOf(fields),
    // Metrics are given for what it says.
    columns: rowColumns({ raw: fields, form, read: new Set([...tracked.read, 'source']), pairs: read.pairs }),
    problems,
  };
}

function fieldProblem({ what, advice, field, fault }: FieldError, fields: Fields, locator: FieldLocator): RowProblem {
  if (fault === 'missing') {
    return slipOfThePen(field, fields, locator) ?? { check: 'missing-field', what, advice, span: locator.owner(field) };
  }
  const checks = { type: 'wrong-type', value: 'bad-value', blank: 'empty-response' } as const;
  const check = field.endsWith('.role') ? 'bad-value' : checks[fault];
  return { check, what, advice, span: locator.value(field) };
}

/** The problem of a field that is there under a name much like its own; undefined when none is. */
function slipOfThePen(field: string, fields: Fields, locator: FieldLocator): RowProblem | undefined {
  const [, owner = '', name] = /^(.*?)\.?([^.[\]]+)$/.exec(field) ?? [];
  if (name === undefined) return undefined;
  let there: unknown = fields;
  for (const step of stepsOf(owner)) there = (there as Fields | undefined)?.[step];
  if (!isFields(there)) return undefined;
  // A dot in a name would be read as a path, and what has a meaning of its own is no slip.
  const strangers = Object.keys(there).filter((key) => !/[.[\]"\\]/.test(key) && !KNOWN_NAMES.has(key));
  const found = nearestName(name, strangers);
  const span = found === undefined ? undefined : locator.name(owner === '' ? found : `${owner}.${found}`);
  if (span === undefined) return undefined;
  return {
    check: 'missing-field',
    what: `missing field "${field}"; "${found}" looks like it`,
    advice: `rename it to "${name}"`,
    span,
    rename: { span, name },
  };
}
