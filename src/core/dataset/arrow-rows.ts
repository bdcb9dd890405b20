import { UnreadableFile, WishboneError } from '../errors.js';
import { openPlain } from '../files/plain-file.js';
import { type BatchReading, type Dictionaries, LARGEST_BATCH, placeFields, readBatch, sizeOf, type Unzstd } from './arrow/batch.js';
import { SeekBytes, type Seekable, StreamBytes } from './arrow/bytes.js';
import type { ArrowMessage } from './arrow/messages.js';
import type { ArrowField } from './arrow/schema.js';
import { arrowValue } from './arrow/values.js';
import { isMediaName, manyMedia } from './media.js';
import type { Columns, Row } from './row.js';
import type { ByteSource } from './source.js';
import { chooseColumns, readCells, type TableColumn } from './table-columns.js';
import { must, TableFault } from './table-fault.js';
import type { Reading } from './table-values.js';

/** First bytes, and last ones, of Arrow's file format; in between is a stream. */
const ARROW_FILE_MARK = 'ARROW1';

/**
 * The rows of an Arrow file, a stream (what `datasets` writes) or a file (Feather), one record batch in memory at a time. They have no
 * lines; what a column holds is given as pyarrow gives it.
 *
 * @param columns as of Parquet
 * @throws WishboneError for a damaged file, for one without any of those columns, and for record batches that are too large
 */
export async function* arrowRows(source: ByteSource, wanted: Omit<Columns, 'needed'>): AsyncGenerator<Row> {
  const { file, size } = source;
  // Loaded when needed: most datasets are JSON.
  const [{ arrowMessages }, { compressors }] = await Promise.all([import('./arrow/messages.js'), import('hyparquet-compressors')]);
  const chunks = source.rawChunks(1 << 20);
  let row = 0;
  try {
    const bytes = new StreamBytes(chunks, await named(file, () => streamEnd(file, size)));
    if (bytes.left < size) await bytes.skip(8);
    const messages = arrowMessages(bytes);
    const first = await named(file, () => messages.next());
    if (first.done === true || first.value.is !== 'schema') throw damaged(new TableFault('it has no schema'), file);
    const tableColumns = first.value.fields.map(columnOf);
    const shownColumns = onlyShown(tableColumns, source);
    source.columns = shownColumns;
    const { used, ours, others } = chooseColumns(shownColumns, wanted, file);
    const isRead = new Set([...ours, ...others]);
    const shelf = new DictionaryShelf(
      [...isRead].map(({ field }) => field),
      compressors.ZSTD!,
    );
    for (;;) {
      const next = await named(place(file, row), () => messages.next());
      if (next.done === true) break;
      const message = next.value;
      if (message.is === 'dictionary') {
        await named(place(file, row), () => shelf.add(bytes, message));
        continue;
      }
      if (message.is !== 'batch') throw damaged(new TableFault('a second schema'), file);
      const { head } = message;
      if (head.rows === 0) continue;
      const where = `${file}, rows ${row + 1} to ${row + head.rows}`;
      const { columns, values } = await named(where, async () => {
        const placed = placeFields(
          tableColumns.map(({ field }) => field),
          head,
        );
        const sizeOfSome = (some: readonly ArrowColumn[]): number =>
          sizeOf(
            some.map((column) => placed[tableColumns.indexOf(column)]!),
            head,
          );
        checkSize(sizeOfSome(ours), where);
        const isTooMuch = sizeOfSome([...isRead]) > LARGEST_BATCH;
        const media = isTooMuch ? others.find((other) => isMediaName(other.name) && sizeOfSome([other]) > LARGEST_BATCH / 2) : undefined;
        if (media !== undefined) throw manyMedia(media.name, where);
        const chosen = isTooMuch ? ours : [...isRead];
        const fields = chosen.map((column) => placed[tableColumns.indexOf(column)]!);
        return { columns: chosen, values: await readBatch(bytes, head, fields, shelf.reading()) };
      });
      const byColumn = new Map(columns.map((column, index) => [column, values[index]!]));
      const how = { columns, used, isCopied: wanted.all === true, damaged };
      for (let index = 0; index < head.rows; index++) {
        const cell = (column: ArrowColumn, reading: Reading): unknown => arrowValue(byColumn.get(column)!, index, reading);
        yield { row, line: undefined, ...readCells({ ...how, cell, where: place(file, row) }) };
        row++;
      }
    }
    // The rest, for the hash.
    for (let next = await chunks.next(); next.done !== true; ) next = await chunks.next();
  } finally {
    await chunks.return(undefined);
  }
}

/**
 * How many rows an Arrow file says it has.
 *
 * @throws WishboneError for a file that is damaged
 */
export async function arrowRowCount(file: string): Promise<number> {
  const { arrowMessages } = await import('./arrow/messages.js');
  const handle = await openPlain(file);
  try {
    const { size } = await handle.stat();
    return await named(file, async () => {
      const bytes = new SeekBytes(handle, await endOf(handle, size));
      if (bytes.left < size) await bytes.skip(8);
      let rows = 0;
      for await (const message of arrowMessages(bytes)) if (message.is === 'batch') rows += message.head.rows;
      return rows;
    });
  } finally {
    await handle.close();
  }
}

function place(file: string, row: number): string {
  return `${file}, row ${row + 1}`;
}

/** @throws WishboneError when the folder shows a column that the file does not have, as `load_from_disk` does */
function onlyShown(columns: readonly ArrowColumn[], { shown }: ByteSource): readonly ArrowColumn[] {
  if (shown === undefined) return columns;
  const missing = shown.names.find((shownName) => !columns.some(({ name }) => name === shownName));
  if (missing === undefined) return columns.filter(({ name }) => shown.names.includes(name));
  throw new WishboneError(`the dataset has no column "${missing}"`, shown.where, 'save it again without a format: ds.reset_format()');
}

interface ArrowColumn extends TableColumn {
  readonly field: ArrowField;
}

function columnOf(field: ArrowField): ArrowColumn {
  const { meaning, name } = field;
  const isText = meaning === 'text';
  const kind = meaning === 'nested' ? 'nested' : isText || meaning === 'json' ? 'text' : 'other';
  return { name, kind, isText, refusal: refusal(field), field };
}

/** Why a column cannot be read, and the part of it that cannot; undefined when it can. */
function refusal({ name, layout, refused, children }: ArrowField, path = name): TableColumn['refusal'] {
  if (refused !== undefined) return { path, what: refused };
  for (const own of children) {
    const found = refusal(own, layout.is === 'struct' ? `${path}.${own.name}` : path);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The fields whose values are places in a dictionary, by its number. */
function dictionariesOf(fields: readonly ArrowField[]): Map<bigint, ArrowField> {
  const found = new Map<bigint, ArrowField>();
  const open = [...fields];
  for (let field = open.pop(); field !== undefined; field = open.pop()) {
    if (field.dictionary) found.set(field.dictionary.id, field);
    open.push(...field.children);
  }
  return found;
}

/** The dictionaries of the columns that are read. */
class DictionaryShelf {
  readonly #fields: ReadonlyMap<bigint, ArrowField>;
  readonly #unzstd: Unzstd;
  readonly #dictionaries: Dictionaries = new Map();
  /** Bytes that each takes. */
  readonly #sizes = new Map<bigint, number>();

  constructor(fields: readonly ArrowField[], unzstd: Unzstd) {
    this.#fields = dictionariesOf(fields);
    this.#unzstd = unzstd;
  }

  /** For a record batch, which has room of its own. */
  reading(room = LARGEST_BATCH): BatchReading {
    return { dictionaries: this.#dictionaries, unzstd: this.#unzstd, room: { left: room } };
  }

  /** Takes a dictionary in that some column needs. One that comes again takes the place of the one before, or goes on with it. */
  async add(bytes: StreamBytes, { head, id, isDelta }: ArrowMessage & { readonly is: 'dictionary' }): Promise<void> {
    const field = this.#fields.get(id);
    if (field === undefined) return;
    const before = isDelta ? (this.#dictionaries.get(id) ?? []) : [];
    if (before.length === 0) this.#sizes.delete(id);
    const room = [...this.#sizes.values()].reduce((left, size) => left - size, LARGEST_BATCH);
    const reading = this.reading(room);
    const [entries] = await readBatch(bytes, head, placeFields([{ ...field, dictionary: undefined }], head), reading);
    this.#dictionaries.set(id, [...before, entries!]);
    this.#sizes.set(id, (this.#sizes.get(id) ?? 0) + room - reading.room.left);
  }
}

function checkSize(bytes: number, where: string): void {
  if (bytes <= LARGEST_BATCH) return;
  throw new WishboneError(
    `a record batch holds ${(bytes / 2 ** 30).toFixed(1)} GiB of text; at most 1 GiB is read at once`,
    where,
    'write it again with smaller batches, for example ds.to_parquet("pairs.parquet", batch_size=1000)',
  );
}

/** Where the stream in a file ends: that of the file format is followed by a footer. */
async function streamEnd(file: string, size: number): Promise<number> {
  const handle = await openPlain(file);
  try {
    return await endOf(handle, size);
  } finally {
    await handle.close();
  }
}

async function endOf(file: Seekable, size: number): Promise<number> {
  const { length } = ARROW_FILE_MARK;
  const read = async (count: number, at: number): Promise<Buffer> => {
    const bytes = Buffer.alloc(count);
    await file.read(bytes, 0, count, at);
    return bytes;
  };
  if ((await read(length, 0)).toString('latin1') !== ARROW_FILE_MARK) return size;
  must(size >= 8 + 4 + length, 'the file is too short');
  const tail = await read(4 + length, size - 4 - length);
  must(tail.toString('latin1', 4) === ARROW_FILE_MARK, 'it does not end as such files do');
  const footer = tail.readInt32LE();
  must(footer > 0 && footer <= size - 8 - 4 - length, `a footer of ${footer} bytes`);
  return size - 4 - length - footer;
}

async function named<T>(where: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof WishboneError || isOfSystem(error) ? error : damaged(error, where);
  }
}

function isOfSystem(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).syscall !== undefined;
}

function damaged(error: unknown, where: string): WishboneError {
  // Whatever else reading it comes to is said by an error of a decoder, in words that are not for people.
  const why = error instanceof TableFault ? error.message : 'its parts do not fit together';
  return new UnreadableFile(
    `the Arrow data cannot be read (${why})`,
    where,
    'the file may be cut off or damaged; download or write it again',
  );
}
