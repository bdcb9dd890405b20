import { isUtf8 } from 'node:buffer';
import { unpairedFeedback } from './unpaired.js';
import { WishboneError } from '../errors.js';
import { LONGEST_ROW, noRowBegins } from './row-limit.js';
import type { Row } from './row.js';
import type { ByteSource } from './source.js';

/** A row as csv-parse gives it. */
interface ParsedRow {
  readonly cells: readonly Buffer[];
  /** Of the file so far: line ends (both halves of \r\n within a cell count) and blank lines between rows. */
  readonly info: { readonly lines: number; readonly empty_lines: number };
}

/**
 * The rows of a table in text (RFC 4180): a header, then a row for each record, every cell a text under its column's
 * name. Streamed. A row with too few or too many cells, or one that is not UTF-8, is yielded as an error and the rows
 * after it are read; after a fault of quoting nobody knows where the next row begins, so that ends the rows.
 *
 * @param needed columns that the header must have
 * @throws WishboneError for a header without them or with one name twice, and for faults of the file as a whole
 */
export async function* csvRows(source: ByteSource, delimiter: ',' | '\t', needed: readonly string[]): AsyncGenerator<Row> {
  const { file } = source;
  // Loaded when needed: most datasets are JSON.
  const { parse } = await import('csv-parse');
  let parsed: ParsedRow[] = [];
  const parser = parse({
    delimiter,
    encoding: null,
    // A quote that is never closed must not take in the rest of a large file.
    max_record_size: LONGEST_ROW,
    // Rows are taken here, not from the stream: that would lose those just before a fault.
    on_record: (cells: unknown, info) => {
      // Bytes, because no encoding is given.
      parsed.push({ cells: cells as Buffer[], info });
      return null;
    },
    record_delimiter: ['\r\n', '\n'],
    relax_column_count: true,
    skip_empty_lines: true,
  });
  // Told by the callbacks below as well; without a listener it would end the process.
  parser.on('error', () => undefined).resume();
  const write = (chunk: Buffer): Promise<unknown> => new Promise((done) => parser.write(chunk, done));
  const end = (): Promise<unknown> => new Promise((done) => parser.end(done));

  const chunks = source.chunks();
  const lines = new LineCounter();
  let header: readonly string[] | undefined;
  let row = 0;
  let size = 0;
  try {
    for (let ended = false; !ended; ) {
      const chunk = await chunks.next();
      ended = chunk.done === true;
      if (header === undefined && !chunk.done && (size += chunk.value.length) > 2 * LONGEST_ROW) throw noRowBegins(file);
      if (!chunk.done && header === undefined) {
        if (endsLinesInReturns(chunk.value)) throw carriageReturns(file);
        refuseOtherSeparator(chunk.value, { file, delimiter, needed });
      }
      const error = await (chunk.done ? end() : write(chunk.value));
      for (const { cells, info } of parsed) {
        const line = lines.row(cells, info);
        const where = `${file}:${line}`;
        if (header === undefined) header = readHeader(cells, where, delimiter, needed);
        else yield { row: row++, line, ...readCells(cells, header, where) };
      }
      parsed = [];
      if (!error) continue;
      const line = lines.next((error as Partial<ParsedRow['info']>).empty_lines);
      yield { row, line, error: quotingFault(error, `${file}:${line}`, header ?? []), isLast: true };
      return;
    }
  } finally {
    await chunks.return(undefined);
  }
}

/** Finds the line on which a row begins from what csv-parse counts. */
class LineCounter {
  /** The last line of the row before. */
  #last = 0;
  #blank = 0;
  /** Carriage returns within cells, which csv-parse counts as lines of their own. */
  #returns = 0;

  row(cells: readonly Buffer[], info: ParsedRow['info']): number {
    this.#returns += count(cells, 0x0d);
    this.#last = info.lines - this.#returns;
    this.#blank = info.empty_lines;
    return this.#last - count(cells, 0x0a);
  }

  /** The line of a row that never ended. @param blank blank lines so far */
  next(blank = this.#blank): number {
    return this.#last + 1 + (blank - this.#blank);
  }
}

function count(cells: readonly Buffer[], byte: number): number {
  let sum = 0;
  for (const cell of cells) {
    for (let at = cell.indexOf(byte); at >= 0; at = cell.indexOf(byte, at + 1)) sum++;
  }
  return sum;
}

function readHeader(record: readonly Buffer[], where: string, delimiter: ',' | '\t', needed: readonly string[]): readonly string[] {
  const names = record.map((cell) => cell.toString('utf8').trim());
  let unnamed = 0;
  while (unnamed < names.length && names[names.length - 1 - unnamed] === '') unnamed++;
  if (unnamed > 1 && unnamed < names.length) {
    const commas = (delimiter === ',' ? ',' : '\\t').repeat(unnamed);
    throw new WishboneError(
      `the header ends in ${commas}: ${unnamed} columns without a name`,
      where,
      'remove the empty columns, which spreadsheets add, from every line',
    );
  }
  const shown = names.slice(0, 8).map((name) => JSON.stringify(name));
  for (const name of needed) {
    if (names.includes(name)) continue;
    const unpaired = unpairedFeedback(Object.fromEntries(names.map((column) => [column, ''])));
    if (unpaired !== undefined) throw new WishboneError(unpaired.what, where, unpaired.advice);
    const advice =
      names.length === 1
        ? `the header must name the columns, separated by ${delimiter === ',' ? 'commas' : 'tabs'}`
        : `name the columns prompt, chosen and rejected in the first line; it has ${shown.join(', ')}; or say which is which: ${columnsFlag(names)}`;
    throw new WishboneError(`the header has no column "${name}"`, where, advice);
  }
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) {
    throw new WishboneError(`the header has two columns "${twice}"`, where, 'rename or remove one of them');
  }
  return names;
}

function readCells(
  record: readonly Buffer[],
  header: readonly string[],
  where: string,
): { readonly value: unknown } | { readonly error: WishboneError } {
  if (record.length !== header.length) {
    const extra = record.slice(header.length);
    const what = `the row has ${record.length} ${record.length === 1 ? 'cell' : 'cells'}, but the header has ${header.length}`;
    const isEmpty = extra.length > 0 && extra.every((cell) => cell.length === 0);
    const error = isEmpty
      ? new WishboneError(
          `${what}: the last ${extra.length === 1 ? 'one is' : `${extra.length} are`} empty`,
          where,
          'remove the delimiters at the end of the line',
        )
      : new WishboneError(what, where, 'put cells that hold the delimiter, a quote or a line break in double quotes');
    return { error };
  }
  const bad = record.findIndex((cell) => !isUtf8(cell));
  if (bad >= 0) {
    return { error: new WishboneError('not UTF-8', `${where}, field "${header[bad]}"`, 'save the file as UTF-8') };
  }
  return { value: Object.fromEntries(record.map((cell, index) => [header[index], cell.toString('utf8')])) };
}

/** What `--columns` might say of a header whose names are others, or written otherwise. */
function columnsFlag(names: readonly string[]): string {
  const plain = (name: string): string => name.toLowerCase();
  const like = ['prompt', 'chosen', 'rejected'].flatMap((field) =>
    names.filter((name) => plain(name) === field).map((name) => [field, name]),
  );
  const isWhole = like.length === 3 && like.every(([, name]) => !/[=,]/.test(name!));
  return `--columns ${isWhole ? like.map((pair) => pair.join('=')).join(',') : 'prompt=…,chosen=…,rejected=…'}`;
}

/** Separators that spreadsheets and others write, and what to do about each. */
const OTHER_SEPARATORS = [
  [';', 'semicolons', 'write it with commas, for example pandas.read_csv("pairs.csv", sep=";").to_csv("pairs.csv", index=False)'],
  ['|', 'vertical bars', 'write it with commas, for example pandas.read_csv("pairs.csv", sep="|").to_csv("pairs.csv", index=False)'],
  ['\t', 'tabs', 'give the file a name that ends in .tsv'],
  [',', 'commas', 'give the file a name that ends in .csv'],
] as const;

/** @throws WishboneError for a header that has the columns when it is divided at another separator, and has them not at its own */
function refuseOtherSeparator(
  start: Buffer,
  { file, delimiter, needed }: { readonly file: string; readonly delimiter: ',' | '\t'; readonly needed: readonly string[] },
): void {
  const [line = ''] = start.toString('utf8').split(/\r?\n/, 1);
  const wanted = needed.length > 0 ? needed : ['chosen', 'rejected'];
  const has = (separator: string): boolean => {
    const names = line.split(separator).map((name) =>
      name
        .trim()
        .replace(/^"(.*)"$/, '$1')
        .trim(),
    );
    return wanted.every((name) => names.includes(name));
  };
  if (has(delimiter)) return;
  const other = OTHER_SEPARATORS.find(([separator]) => separator !== delimiter && has(separator));
  if (other === undefined) return;
  const ours = delimiter === ',' ? 'commas' : 'tabs';
  throw new WishboneError(`the columns are separated by ${other[1]}, not by ${ours}`, `${file}:1`, other[2]);
}

/** Whether the header ends in a carriage return with no line feed behind it. */
function endsLinesInReturns(start: Buffer): boolean {
  let isQuoted = false;
  for (let at = 0; at < start.length - 1; at++) {
    const byte = start[at];
    if (byte === 0x22) isQuoted = !isQuoted;
    else if (!isQuoted && byte === 0x0a) return false;
    else if (!isQuoted && byte === 0x0d) return start[at + 1] !== 0x0a;
  }
  return false;
}

function carriageReturns(file: string): WishboneError {
  return new WishboneError(
    'the lines end in CR alone, as old Mac programs write them',
    `${file}:1`,
    'save the file with LF (Unix) or CRLF (Windows) line ends',
  );
}

/** What csv-parse found wrong in a row, for people. */
function quotingFault(error: unknown, where: string, header: readonly string[]): WishboneError {
  const { code, column } = error as { code?: string; column?: number };
  const name = column === undefined ? undefined : header[column];
  const fault = (what: string, advice: string): WishboneError =>
    new WishboneError(what, name === undefined ? where : `${where}, field "${name}"`, advice);
  switch (code) {
    case 'CSV_INVALID_CLOSING_QUOTE':
      return fault('something follows a closing quote', 'write a double quote inside a quoted cell as ""');
    case 'INVALID_OPENING_QUOTE':
      return fault(
        'a double quote inside a cell that does not begin with one',
        'put the whole cell in double quotes, and write the quote inside it as ""',
      );
    case 'CSV_QUOTE_NOT_CLOSED':
      return fault('a quoted cell is never closed', 'end the cell with a double quote');
    case 'CSV_MAX_RECORD_SIZE':
      return fault(`the row is longer than ${LONGEST_ROW / 2 ** 20} MiB`, 'look for a double quote that is not closed');
    default:
      throw error;
  }
}
