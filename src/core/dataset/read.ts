import { WishboneError } from '../errors.js';
import { mapColumns, usedColumns, type ColumnMap } from './columns.js';
import { FieldError, isFields, kindOf, RowReader, type Fields } from './fields.js';
import { type DatasetForm, detectForm, formDescriptions, type FormOptions, NO_FORM_ADVICE, readForm } from './forms/index.js';
import { refuseMedia } from './media.js';
import type { PairCounts } from './pairing.js';
import { readRows } from './rows.js';
import type { Row } from './row.js';
import { ByteSource, emptyFile } from './source.js';
import { refuseUnpaired } from './unpaired.js';
import { refuseWrapped } from './whole-columns.js';
import { rowName, rowWhere, type PairText, type RowPlace } from './types.js';
import { ColumnTally, isWanted, rowColumns, trackFields } from './unread-columns.js';
import type { ColumnReport } from './column-report.js';

/** How a file is read. */
export interface ReadOptions extends FormOptions {
  /** The form of every row; undefined: told by the first. */
  readonly form?: DatasetForm | undefined;
  /** Names that the file has for the form's fields. */
  readonly columns?: ColumnMap | undefined;
  /** The form was given by hand. */
  readonly isFormGiven?: boolean | undefined;
  /** Form and columns are those of an entry of a `dataset_info.json`. */
  readonly isListed?: boolean | undefined;
  /** Columns that such an entry names for images, videos and sounds. */
  readonly media?: readonly string[] | undefined;
}

/** A pair that a row makes (a row with several responses makes several, or none), or what is wrong with the row. */
export type RowOutcome = RowPlace &
  (
    | { readonly pair: PairText }
    /** `isLast`: nothing behind it can be read, so it is a fault of the file. */
    | { readonly error: WishboneError; readonly isLast?: true }
  );

/**
 * A preference file being read once, from start to end. `outcomes` goes on after a bad row and so finds all that is
 * wrong; `pairs` stops at the first.
 */
export class Dataset {
  readonly #source: ByteSource;
  readonly #options: ReadOptions;
  #firstForm: { form: DatasetForm; kind: PairText['kind'] | undefined; name: string } | undefined;
  #rows = 0;
  #pairCounts: PairCounts = { made: 0, dropped: 0 };
  readonly #tally: ColumnTally;

  private constructor(source: ByteSource, options: ReadOptions) {
    this.#source = source;
    this.#options = options;
    this.#tally = new ColumnTally({ ...options, options });
  }

  /** @throws WishboneError when there is no such file, it is a folder, cannot be read, or is empty */
  static async open(file: string, options: ReadOptions = { pairing: 'all', minMargin: 0 }): Promise<Dataset> {
    return new Dataset(await ByteSource.open(file), options);
  }

  get file(): string {
    return this.#source.file;
  }

  /** The form of the first row that has one; undefined until then. */
  get form(): DatasetForm | undefined {
    return this.#firstForm?.form;
  }

  /** Rows read so far. */
  get rowCount(): number {
    return this.#rows;
  }

  /** Of the rows read so far. */
  get counts(): PairCounts {
    return this.#pairCounts;
  }

  /** What the rows read so far have beside what their form reads. */
  get columns(): ColumnReport {
    return this.#tally.report(this.#source.columns);
  }

  /** SHA-256 (hex) of the file's bytes on disk, known after the last row. */
  get sha256(): string {
    return this.#source.sha256;
  }

  /** Bytes of the file worked through so far, of `bytesTotal`. */
  get bytesRead(): number {
    const { documentShare, size, bytesRead } = this.#source;
    return documentShare === undefined ? bytesRead : Math.floor(documentShare * size);
  }

  get bytesTotal(): number {
    return this.#source.size;
  }

  /** Every row's pair or error. @throws WishboneError for faults of the file as a whole */
  async *outcomes(): AsyncGenerator<RowOutcome> {
    let failed = false;
    const { columns = {} } = this.#options;
    const needed = ['chosen', 'rejected'].map((field) => columns[field] ?? field);
    for await (const row of readRows(this.#source, { ...usedColumns(columns), needed, texts: isWanted })) {
      this.#rows++;
      const { row: number, line } = row;
      let pairs;
      try {
        pairs = this.#read(row);
      } catch (error) {
        if (!(error instanceof WishboneError)) throw error;
        failed = true;
        yield { row: number, line, error, ...('isLast' in row ? { isLast: true } : {}) };
        continue;
      }
      for (const pair of pairs) yield { row: number, line, pair };
    }
    if (this.#rows === 0) throw emptyFile(this.file);
    const { made, dropped } = this.#pairCounts;
    if (made === 0 && !failed) throw allDropped(this.file, dropped, this.#options.minMargin);
  }

  /** Every row's pair. @throws WishboneError for the first bad row, or for the file */
  async *pairs(): AsyncGenerator<PairText> {
    for await (const outcome of this.outcomes()) {
      if ('error' in outcome) throw outcome.error;
      yield outcome.pair;
    }
  }

  #read(row: Row): PairText[] {
    if ('error' in row) throw row.error;
    const where = rowWhere(this.file, row);
    if (!isFields(row.value)) {
      throw new WishboneError(`a row must be an object, not ${kindOf(row.value)}`, where, 'write each pair as { … }');
    }
    const { columns } = this.#options;
    const value = columns === undefined ? row.value : mapColumns(row.value, columns);
    try {
      return this.#readFields(row, value, where, row.value);
    } catch (error) {
      const field = error instanceof FieldError ? (/^\w+/.exec(error.field)?.[0] ?? '') : '';
      const column = columns?.[field];
      if (!(error instanceof FieldError) || column === undefined || column === null || column === field)
        throw this.#withMissingColumn(error, row.value);
      throw new WishboneError(error.what, `${error.where} (column "${column}")`, error.advice, error.exitCode);
    }
  }

  /** What is wrong with a row may be that a column which was named by hand is not in it. */
  #withMissingColumn(error: unknown, raw: Fields): unknown {
    const { columns = {}, isListed } = this.#options;
    const missing = Object.entries(columns).find(([, column]) => column !== null && !Object.hasOwn(raw, column));
    if (!(error instanceof WishboneError) || isListed || missing === undefined) return error;
    const [field, column] = missing;
    return new WishboneError(
      `${error.what}; the row has no column "${column}", named for "${field}"`,
      error.where,
      error.advice,
      error.exitCode,
    );
  }

  /** @param raw the row as the file has it, `value` being the same under the form's names */
  #readFields(row: RowPlace, value: Fields, where: string, raw: Fields): PairText[] {
    const form = this.#options.form ?? detectForm(value);
    if (form === undefined) {
      refuseUnpaired(new RowReader(where, value));
      refuseWrapped(value, where, (fields) => detectForm(fields) !== undefined);
      const keys = Object.keys(value)
        .slice(0, 8)
        .map((key) => `"${key}"`)
        .join(', ');
      throw new WishboneError(
        keys === '' ? 'the row is an empty object' : `the fields match no known form of preference pair: ${keys}`,
        where,
        NO_FORM_ADVICE,
      );
    }
    const first = (this.#firstForm ??= { form, kind: undefined, name: rowName(row) });
    const { fields, read } = trackFields(value);
    const reader = new RowReader(where, fields);
    if (form !== first.form) {
      // A row that only lost its prompt is better told so than that its form is another.
      if (first.form === 'trl-explicit' && form === 'trl-implicit') reader.need(value, 'prompt', 'prompt');
      throw new WishboneError(
        `this row is ${formDescriptions[form]}, but ${first.name} is ${formDescriptions[first.form]}`,
        where,
        'use one form per file; split the file in two',
      );
    }
    const { pairs, dropped } = readForm(form, reader, this.#options);
    refuseMedia(reader, raw, this.#options.media);
    for (const { kind } of pairs) {
      first.kind ??= kind;
      if (kind === first.kind) continue;
      const name = (kind: PairText['kind']): string => (kind === 'text' ? 'plain text' : 'message lists');
      throw new WishboneError(
        `this row is ${name(kind)}, but ${first.name} is ${name(first.kind)}`,
        where,
        'use one form per file; split the file in two',
      );
    }
    const { made, dropped: before } = this.#pairCounts;
    this.#pairCounts = { made: made + pairs.length, dropped: before + dropped };
    const source = sourceOf(fields);
    this.#tally.add(row, rowColumns({ raw, form, read, pairs }, this.#options.columns), () => raw);
    const place = { row: row.row, line: row.line, ...(source === undefined ? {} : { source }) };
    return pairs.map((pair) => ({ ...pair, ...place }));
  }
}

/** Longer texts are no names. */
const LONGEST_SOURCE = 100;

function sourceOf({ source }: Fields): string | undefined {
  if (typeof source !== 'string' || source.length > LONGEST_SOURCE) return undefined;
  return source.trim() || undefined;
}

function allDropped(file: string, dropped: number, minMargin: number): WishboneError {
  return new WishboneError(
    `no pairs are left: all ${dropped} have equally good responses` + (minMargin > 0 ? `, or scores less than ${minMargin} apart` : ''),
    file,
    minMargin > 0 ? 'lower min_margin' : 'give responses with different ranks or scores',
  );
}
