import { WishboneError } from '../errors.js';
import { isFields, kindOf, RowReader } from './fields.js';
import { detectForm, readForm } from './forms.js';
import { readRows, type Row } from './rows.js';
import { ByteSource, emptyFile } from './source.js';
import { formDescriptions, type DatasetForm, type PairText, type RowPlace } from './types.js';

/** What became of one row. */
export type RowOutcome = RowPlace & ({ readonly pair: PairText } | { readonly error: WishboneError });

/**
 * A preference file being read once, from start to end. `outcomes` goes on after a bad row and so finds all that is
 * wrong; `pairs` stops at the first.
 */
export class Dataset {
  private firstForm: { form: DatasetForm; kind: PairText['kind'] | undefined; line: number } | undefined;
  private rows = 0;

  private constructor(private readonly source: ByteSource) {}

  /** @throws WishboneError when there is no such file, it is a folder, cannot be read, or is empty */
  static async open(file: string): Promise<Dataset> {
    return new Dataset(await ByteSource.open(file));
  }

  get file(): string {
    return this.source.file;
  }

  /** The form of the first row that has one; undefined until then. */
  get form(): DatasetForm | undefined {
    return this.firstForm?.form;
  }

  /** SHA-256 (hex) of the file's bytes on disk, known after the last row. */
  get sha256(): string {
    return this.source.sha256;
  }

  /** Bytes of the file worked through so far, of `bytesTotal`. */
  get bytesRead(): number {
    const { documentShare, size, bytesRead } = this.source;
    return documentShare === undefined ? bytesRead : Math.floor(documentShare * size);
  }

  get bytesTotal(): number {
    return this.source.size;
  }

  /** Every row's pair or error. @throws WishboneError for faults of the file as a whole */
  async *outcomes(): AsyncGenerator<RowOutcome> {
    for await (const row of readRows(this.source)) {
      this.rows++;
      const { row: number, line } = row;
      try {
        yield { row: number, line, pair: this.read(row) };
      } catch (error) {
        if (!(error instanceof WishboneError)) throw error;
        yield { row: number, line, error };
      }
    }
    if (this.rows === 0) throw emptyFile(this.file);
  }

  /** Every row's pair. @throws WishboneError for the first bad row, or for the file */
  async *pairs(): AsyncGenerator<PairText> {
    for await (const outcome of this.outcomes()) {
      if ('error' in outcome) throw outcome.error;
      yield outcome.pair;
    }
  }

  private read(row: Row): PairText {
    if ('error' in row) throw row.error;
    const where = `${this.file}:${row.line}`;
    if (!isFields(row.value)) {
      throw new WishboneError(`a row must be an object, not ${kindOf(row.value)}`, where, 'write each pair as { … }');
    }
    const form = detectForm(row.value);
    if (form === undefined) {
      const keys = Object.keys(row.value)
        .slice(0, 8)
        .map((key) => `"${key}"`)
        .join(', ');
      throw new WishboneError(
        keys === '' ? 'the row is an empty object' : `no known form of preference pair has the fields ${keys}`,
        where,
        `use one of: ${Object.values(formDescriptions).join('; ')}`,
      );
    }
    const first = (this.firstForm ??= { form, kind: undefined, line: row.line });
    const reader = new RowReader(this.file, row.line, row.value);
    if (form !== first.form) {
      // A row that only lost its prompt is better told so than that its form is another.
      if (first.form === 'trl-explicit' && form === 'trl-implicit') reader.need(row.value, 'prompt', 'prompt');
      throw new WishboneError(
        `this row is ${formDescriptions[form]}, but line ${first.line} is ${formDescriptions[first.form]}`,
        where,
        'keep one form in a file; split the file in two',
      );
    }
    const pair = readForm(form, reader);
    first.kind ??= pair.kind;
    if (pair.kind !== first.kind) {
      const name = (kind: PairText['kind']): string => (kind === 'text' ? 'plain text' : 'message lists');
      throw new WishboneError(
        `this row is ${name(pair.kind)}, but line ${first.line} is ${name(first.kind)}`,
        where,
        'keep one form in a file; split the file in two',
      );
    }
    return { ...pair, row: row.row, line: row.line };
  }
}
