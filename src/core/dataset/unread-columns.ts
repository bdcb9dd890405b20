import { mapColumns, type ColumnMap } from './columns.js';
import { meaningOf, questionRank, type ColumnMeaning } from './column-names.js';
import type { ColumnReport, ColumnWarning, Place, Remedy } from './column-report.js';
import { columnWarning } from './column-words.js';
import { FieldError, RowReader, type Fields } from './fields.js';
import { type DatasetForm, detectForm, type FormOptions, readForm } from './forms/index.js';
import { placeholderIn } from './media.js';
import { isWrittenMessages } from './text-messages.js';
import type { Message, MessagePair, TextPair } from './types.js';

/** How the file is read, as far as it decides what is read of a row. */
export interface ColumnContext {
  readonly columns?: ColumnMap | undefined;
  /** The form was given by hand: advice that would change it is of no use. */
  readonly isFormGiven?: boolean | undefined;
  /** The columns are those of an entry of a `dataset_info.json`. */
  readonly isListed?: boolean | undefined;
  readonly options: FormOptions;
}

/** A row that was read. */
export interface ReadRow {
  /** As the file has it. */
  readonly raw: Fields;
  readonly form: DatasetForm;
  /** Fields that reading has looked at, by the form's names. */
  readonly read: ReadonlySet<string>;
  readonly pairs: readonly (TextPair | MessagePair)[];
}

/** What was left out of one row. Holds nothing of its texts. */
export interface RowColumns {
  readonly form: DatasetForm;
  /** Every column of the row. */
  readonly names: readonly string[];
  /** Columns that hold something and were not read. */
  readonly unread: readonly string[];
  /** Of these, columns of text that should be part of a prompt and are not. */
  readonly lost: readonly string[];
  /** Columns that were read and hold messages in writing. */
  readonly written: readonly string[];
  /** The tag of a picture, a video or a sound that its texts hold. */
  readonly placeholder: string | undefined;
  /** There is no prompt at all. */
  readonly isBlank: boolean;
}

/** A row's fields, which note down what is read of them. */
export function trackFields(fields: Fields): { readonly fields: Fields; readonly read: ReadonlySet<string> } {
  const read = new Set<string>();
  const tracked = new Proxy(fields, {
    get(target, name, receiver) {
      if (typeof name === 'string') read.add(name);
      return Reflect.get(target, name, receiver) as unknown;
    },
  });
  return { fields: tracked, read };
}

/** Columns that are looked at although no form reads them: a part of the prompt may be lost with them, or a picture. */
export function isWanted(name: string, isNested: boolean): boolean {
  const meaning = meaningOf(name);
  return isPrompt(meaning) || meaning === 'media' || (meaning === 'none' && !isNested);
}

interface Tally {
  rows: number;
  readonly first: Place;
}

/** Looks at what was left out of a row. */
export function rowColumns({ raw, form, read, pairs }: ReadRow, columns?: ColumnMap): RowColumns {
  const names = Object.keys(raw);
  const prompt = lazily(() => pairs.map((pair) => textOf(pair.prompt)).join('\n'));
  const isBlank = form === 'trl-implicit' && pairs.length > 0 && pairs.every((pair) => pair.kind === 'text' && pair.prompt.trim() === '');
  const [unread, lost, written]: [string[], string[], string[]] = [[], [], []];
  for (const name of names) {
    const value = raw[name];
    if (isRead(name, read, columns)) {
      if (holdsWrittenMessages(value)) written.push(name);
      continue;
    }
    if (isNothing(value)) continue;
    unread.push(name);
    const meaning = knownMeaning(name);
    if (!isPrompt(meaning) && !(isBlank && meaning === 'none')) continue;
    const texts = textsIn(value);
    if (texts.length === 0 || (!isSurelyAsked(name) && !texts.some(isProse))) continue;
    const trained = meaning === 'history' ? prompt() + everyText(pairs) : prompt();
    if (!texts.every((text) => holds(trained, text)) && !isRendering(texts, meaning, pairs)) lost.push(name);
  }
  let placeholder: string | undefined;
  for (const pair of pairs) if ((placeholder = placeholderOf(pair)) !== undefined) break;
  return { form, names, unread, lost, written, placeholder, isBlank };
}

/** White space is often another where a text was copied. */
function holds(whole: string, text: string): boolean {
  return whole.includes(text) || collapsed(whole).includes(collapsed(text));
}

function collapsed(text: string): string {
  return text.replace(/\s+/g, ' ');
}

/** A text that holds all of a chat's prompt is that prompt once more, rendered. */
function isRendering(texts: readonly string[], meaning: ColumnMeaning, pairs: readonly (TextPair | MessagePair)[]): boolean {
  const whole = texts.join('\n');
  return (
    meaning === 'question' &&
    pairs.every(({ kind, prompt }) => {
      return kind === 'messages' && prompt.length > 0 && prompt.every(({ content }) => holds(whole, (content ?? '').trim()));
    })
  );
}

/** Whether a column of the file was read under one of the form's names. */
function isRead(name: string, read: ReadonlySet<string>, columns: ColumnMap | undefined): boolean {
  if (columns === undefined) return read.has(name);
  for (const field in columns) if (columns[field] === name && read.has(field)) return true;
  return !isAsked(name, columns) && !Object.hasOwn(columns, name) && read.has(name);
}

function isAsked(name: string, columns: ColumnMap): boolean {
  for (const field in columns) if (columns[field] === name) return true;
  return false;
}

const meanings = new Map<string, ColumnMeaning>();
/** Names are few; what is no table of ours could have a new one in every row. */
const MOST_MEANINGS = 10_000;

function knownMeaning(name: string): ColumnMeaning {
  let meaning = meanings.get(name);
  if (meaning !== undefined) return meaning;
  if (meanings.size >= MOST_MEANINGS) meanings.clear();
  meanings.set(name, (meaning = meaningOf(name)));
  return meaning;
}

/** Goes through the rows of a file and tells, once for the file, what was left out of them. */
export class ColumnTally {
  readonly #context: ColumnContext;
  readonly #unread = new Map<string, Tally>();
  readonly #lost = new Map<string, Tally>();
  readonly #written = new Map<string, Tally>();
  readonly #placeholders = new Map<string, Tally>();
  readonly #seen = new Set<string>();
  /** The first row that lost text, to try remedies on. */
  #example: { readonly raw: Fields; readonly form: DatasetForm } | undefined;
  #blankPrompts = 0;
  #rows = 0;

  constructor(context: ColumnContext) {
    this.#context = context;
  }

  /** @param raw the row as the file has it, asked for where remedies will be tried on it */
  add(place: Place, columns: RowColumns, raw: () => Fields): void {
    this.#rows++;
    for (const name of columns.names) this.#seen.add(name);
    for (const name of columns.unread) count(this.#unread, name, place);
    for (const name of columns.lost) count(this.#lost, name, place);
    for (const name of columns.written) count(this.#written, name, place);
    if (columns.placeholder !== undefined) count(this.#placeholders, columns.placeholder, place);
    if (columns.isBlank) this.#blankPrompts++;
    if (columns.lost.length > 0) this.#example ??= { raw: raw(), form: columns.form };
  }

  /** @param packed columns of the file, whether rows were given with them or not */
  report(packed: readonly { readonly name: string }[] = []): ColumnReport {
    const rest = packed.filter(({ name }) => !this.#seen.has(name));
    for (const { name } of rest) this.#seen.add(name);
    return {
      unread: [
        ...[...this.#unread].map(([name, { rows, first }]) => ({ name, rows, first })),
        ...rest.filter(({ name }) => !isAsked(name, this.#context.columns ?? {})).map(({ name }) => ({ name })),
      ],
      warnings: [...this.#lostText(), ...this.#writtenMessages(), ...this.#droppedMedia(), ...this.#missingColumns()],
    };
  }

  #lostText(): ColumnWarning[] {
    const example = this.#example;
    const isPromptless = this.#blankPrompts > 0 && 2 * this.#blankPrompts >= this.#rows;
    const prompts = [...this.#lost].filter(([name]) => knownMeaning(name) !== 'none');
    const isSystem = ([name]: readonly [string, Tally]): boolean => knownMeaning(name) === 'system';
    // What nobody knows is told of only where nothing else could be the prompt.
    const told = isPromptless && prompts.every(isSystem) ? [...this.#lost] : prompts;
    if (example === undefined || told.length === 0) return [];
    const names = told.map(([name]) => name);
    const rows = Math.max(...told.map(([, tally]) => tally.rows));
    const { first } = told.map(([, tally]) => tally).reduce((a, b) => (b.first.row < a.first.row ? b : a));
    const kind = told.every(isSystem) && !isPromptless ? 'lost-system' : 'lost-text';
    const remedies = this.#remedies(example, names);
    const { isListed = false } = this.#context;
    const warning = columnWarning(kind, { names, rows, of: this.#rows, isPromptless, isListed, remedies });
    return [{ kind, columns: names, ...warning, rows, first, remedies }];
  }

  /** Maps of columns that read what was lost; each was tried on a row. */
  #remedies(example: { readonly raw: Fields; readonly form: DatasetForm }, told: readonly string[]): Remedy[] {
    const { isFormGiven = false, isListed = false } = this.#context;
    if (isFormGiven || isListed) return [];
    const given = Object.entries(this.#context.columns ?? {});
    const columns = Object.fromEntries(given.filter(([, column]) => column === null || Object.hasOwn(example.raw, column)));
    const meaning = (...wanted: readonly ColumnMeaning[]): string[] => told.filter((name) => wanted.includes(knownMeaning(name)));
    const [system] = meaning('system');
    const history = meaning('history').find((name) => isRounds(example.raw[name]));
    const questions = meaning('question', 'context').sort((a, b) => questionRank(a) - questionRank(b));
    const unknown = meaning('none');
    const tries: { readonly label: Remedy['kind']; readonly map: ColumnMap }[] = [];
    const beside = (context: string | undefined): ColumnMap => ({
      ...(system === undefined ? {} : { system }),
      ...(context === undefined ? {} : { input: context }),
      ...(history === undefined ? {} : { history }),
    });
    if (example.form === 'trl-implicit') {
      const hasMore = system !== undefined || history !== undefined || questions.length > 1;
      for (const question of questions.length > 0 ? questions.slice(0, 1) : unknown.slice(0, 3)) {
        const chat = { label: 'chat' as const, map: { instruction: question, ...beside(questions[1]) } };
        const plain = { label: 'text' as const, map: { prompt: question } };
        tries.push(...(hasMore ? [chat, plain] : [plain, chat]));
      }
    } else if (example.form === 'trl-explicit') {
      const { prompt = 'prompt', ...others } = columns;
      if (prompt !== null) tries.push({ label: 'chat', map: { ...others, instruction: prompt, ...beside(questions[0]) } });
    } else {
      tries.push({ label: 'chat', map: beside(questions[0]) });
    }
    return tries.flatMap(({ label, map }) => {
      const whole = example.form === 'trl-explicit' ? map : { ...columns, ...map };
      // A field under its own name needs no mapping.
      const entries = Object.entries(whole).filter(([field, column]) => column !== null && field !== column);
      const tried = Object.fromEntries(entries);
      const reads = readsOf(example.raw, tried, this.#context.options);
      if (reads === undefined || told.every((name) => !reads.has(name))) return [];
      if (entries.some(([, column]) => /[,=]/.test(column as string))) return [];
      const text = entries.map(([field, column]) => `${field}=${column}`).join(',');
      return text === '' ? [] : [{ kind: label, columns: text, reads: told.filter((name) => reads.has(name)) }];
    });
  }

  #writtenMessages(): ColumnWarning[] {
    if (this.#written.size === 0) return [];
    const tallies = [...this.#written.values()];
    const rows = Math.max(...tallies.map((tally) => tally.rows));
    const columns = [...this.#written.keys()];
    const first = tallies.reduce((a, b) => (b.first.row < a.first.row ? b : a)).first;
    const kind = 'written-messages';
    return [{ kind, columns, ...columnWarning(kind, { names: columns, rows, of: this.#rows }), rows, first, remedies: [] }];
  }

  #droppedMedia(): ColumnWarning[] {
    return [...this.#placeholders].map(([tag, { rows, first }]) => {
      const kind = 'media-placeholder';
      return { kind, columns: [], ...columnWarning(kind, { names: [tag], rows, of: this.#rows }), rows, first, remedies: [] };
    });
  }

  /** Columns that the option names and no row has. */
  #missingColumns(): ColumnWarning[] {
    const { columns = {}, isListed = false } = this.#context;
    return Object.entries(columns).flatMap(([field, column]) => {
      if (column === null || this.#seen.has(column) || this.#rows === 0) return [];
      const kind = 'missing-column';
      const words = columnWarning(kind, { names: [column], field, there: [...this.#seen], of: this.#rows, isListed });
      return [{ kind, columns: [column], ...words, remedies: [] }];
    });
  }
}

/** The columns that a row would be read of, mapped so; undefined when it could not be read. */
function readsOf(raw: Fields, map: ColumnMap, options: FormOptions): ReadonlySet<string> | undefined {
  const mapped = mapColumns(raw, map);
  const form = detectForm(mapped);
  if (form === undefined) return undefined;
  const { fields, read } = trackFields(mapped);
  try {
    readForm(form, new RowReader('', fields), options);
  } catch (error) {
    if (error instanceof FieldError) return undefined;
    throw error;
  }
  return new Set([...read].map((field) => map[field] ?? field));
}

function counted(tally: Tally | undefined, row: Place): Tally {
  if (tally === undefined) return { rows: 1, first: placeOf(row) };
  tally.rows++;
  return tally;
}

function count(tallies: Map<string, Tally>, name: string, row: Place): void {
  tallies.set(name, counted(tallies.get(name), row));
}

function placeOf({ row, line }: Place): Place {
  return { row, line };
}

function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** Whether what a column holds is the question, however short it is; `user` may be a name. */
function isSurelyAsked(name: string): boolean {
  return questionRank(name) < 6;
}

function isPrompt(meaning: ColumnMeaning): boolean {
  return meaning === 'question' || meaning === 'context' || meaning === 'history' || meaning === 'system';
}

function isNothing(value: unknown): boolean {
  if (value === null || value === undefined) return true;
  if (typeof value === 'string') return value.trim() === '';
  if (Array.isArray(value)) return value.length === 0;
  // A boxed number is one; of a structure in Parquet, no field is ever missing.
  return typeof value === 'object' && !(value instanceof Number) && Object.values(value).every(isNothing);
}

/** Of a list that is longer, the others say no more. */
const MOST_TEXTS = 64;

/** The texts in a value, trimmed. Names of roles are none. */
function textsIn(value: unknown, found: string[] = [], depth = 0): string[] {
  if (found.length >= MOST_TEXTS || depth > 4) return found;
  if (typeof value === 'string') {
    const text = value.trim();
    if (text !== '') found.push(text);
  } else if (Array.isArray(value)) for (const item of value) textsIn(item, found, depth + 1);
  else if (typeof value === 'object' && value !== null) {
    for (const [name, item] of Object.entries(value)) if (name !== 'role' && name !== 'from') textsIn(item, found, depth + 1);
  }
  return found;
}

/** A name or a number alone is no text that a prompt could be made of. */
function isProse(text: string): boolean {
  return text.length > 40 || /\s|[?!.。？！，]|\p{Script=Han}|\p{Script=Hangul}|\p{Script=Kana}/u.test(text);
}

function textOf(part: string | readonly Message[]): string {
  return typeof part === 'string' ? part : part.map(({ content }) => content ?? '').join('\n');
}

function everyText(pairs: readonly (TextPair | MessagePair)[]): string {
  return pairs.map(({ chosen, rejected }) => `${textOf(chosen)}\n${textOf(rejected)}`).join('\n');
}

function holdsWrittenMessages(value: unknown): boolean {
  if (typeof value === 'string') return isWrittenMessages(value);
  return Array.isArray(value) && value.some((item) => typeof item === 'string' && isWrittenMessages(item));
}

function placeholderOf({ prompt, chosen, rejected }: TextPair | MessagePair): string | undefined {
  for (const part of [prompt, chosen, rejected]) {
    for (const text of typeof part === 'string' ? [part] : part.map(({ content }) => content ?? '')) {
      const found = placeholderIn(text);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** LLaMA-Factory's history: pairs of question and answer. */
function isRounds(value: unknown): boolean {
  return Array.isArray(value) && value.every((round) => Array.isArray(round) && round.length === 2);
}
