import type { Compressors } from 'hyparquet';
import { must, TableFault } from '../table-fault.js';
import { checkFrames } from '../zstd-frames.js';
import type { ArrowBytes } from './bytes.js';
import { unpackLz4Frame } from './lz4-frame.js';
import type { BatchHead } from './messages.js';
import type { ArrowField } from './schema.js';

/** Most bytes of a record batch that is read, packed or unpacked. */
export const LARGEST_BATCH = 2 ** 30;
/** Most rows of one, and values of what takes no bytes. */
const MOST_ROWS = 1 << 24;

/** Unpacks Zstandard: that of Parquet's pages. */
export type Unzstd = NonNullable<Compressors['ZSTD']>;

/** Dictionaries by their number, each in the parts that it came in. */
export type Dictionaries = Map<bigint, readonly ArrowValues[]>;

/** Values of a field in a record batch, every place and length of which has been held against the bytes that there are. */
export interface ArrowValues {
  readonly field: ArrowField;
  readonly length: number;
  /** A bit each, 0 for null; undefined when none is. */
  readonly valid: Uint8Array | undefined;
  /** Of fixed width, the bytes of texts, or views. */
  readonly data: DataView;
  /** Of texts and lists: where a value begins; one more than there are values. */
  readonly offset: (index: number) => number;
  /** What the views of a text are into. */
  readonly views: readonly Uint8Array[];
  readonly children: readonly ArrowValues[];
  /** What the places are into, for a field with a dictionary. */
  readonly entries: readonly ArrowValues[] | undefined;
}

/** What a record batch is read with. */
export interface BatchReading {
  readonly dictionaries: Dictionaries;
  readonly unzstd: Unzstd;
  /** Bytes that it may take, packed and unpacked; those it takes are subtracted. */
  readonly room: { left: number };
}

/** Where the parts of a field are in a batch. */
export interface PlacedField {
  readonly field: ArrowField;
  readonly node: { readonly length: number; readonly nulls: number };
  /** Places in the batch's list. */
  readonly buffers: readonly number[];
  readonly children: readonly PlacedField[];
}

/**
 * Which nodes and buffers of a batch are whose, by Arrow's Format/IPC: in the order of the fields, each before those within.
 *
 * @throws TableFault
 */
export function placeFields(fields: readonly ArrowField[], { nodes, buffers, viewBuffers }: BatchHead): PlacedField[] {
  let [node, buffer, view] = [0, 0, 0];
  const place = (field: ArrowField): PlacedField => {
    const own = nodes[node++];
    must(own !== undefined, 'a record batch that leaves out columns');
    const { dictionary, layout } = field;
    let count: number = BUFFERS[layout.is];
    if (layout.is === 'other') count = layout.buffers;
    if (dictionary !== undefined) count = BUFFERS.fixed;
    else if (layout.is === 'view') count += viewBuffers[view++] ?? 0;
    must(count <= buffers.length - buffer, 'a record batch that leaves out parts of columns');
    const places = Array.from({ length: count }, () => buffer++);
    return { field, node: own, buffers: places, children: dictionary === undefined ? field.children.map(place) : [] };
  };
  return fields.map(place);
}

const TOO_MUCH = 'more than 1 GiB would have to be held at once';

const BUFFERS = { null: 0, bits: 2, fixed: 2, bytes: 3, view: 2, list: 2, 'fixed-list': 1, struct: 1, other: 0 } as const;

/** Bytes of the body that some columns take, as they lie there. */
export function sizeOf(columns: readonly PlacedField[], { buffers }: BatchHead): number {
  return columns.reduce(
    (sum, { buffers: own, children }) =>
      sum + own.reduce((all, place) => all + buffers[place]!.end - buffers[place]!.start, 0) + sizeOf(children, { buffers } as BatchHead),
    0,
  );
}

/**
 * Reads some columns of a record batch out of its body, which the bytes are at; no other bytes of it are held.
 *
 * @throws TableFault
 */
export async function readBatch(
  bytes: ArrowBytes,
  head: BatchHead,
  columns: readonly PlacedField[],
  { dictionaries, unzstd, room }: BatchReading,
): Promise<ArrowValues[]> {
  must(head.rows <= MOST_ROWS, `a record batch of ${head.rows} rows; at most ${MOST_ROWS} are read at once`);
  room.left -= sizeOf(columns, head);
  must(room.left >= 0, TOO_MUCH);
  const held = await readBuffers(bytes, head, columns);
  const buffer = (place: number): Uint8Array => {
    const packed = held.get(place)!;
    if (head.codec === undefined) return packed;
    const unpacked = unpack(packed, head.codec, room.left, unzstd);
    room.left -= unpacked.length;
    return unpacked;
  };
  return columns.map((column) => {
    must(column.node.length === head.rows, `a column of ${column.node.length} values in a batch of ${head.rows} rows`);
    try {
      return valuesOf(column, buffer, dictionaries);
    } catch (error) {
      throw error instanceof TableFault ? new TableFault(`column "${column.field.name}": ${error.message}`) : error;
    }
  });
}

/** The buffers of these columns by their places. Those that lie side by side are read at once. */
async function readBuffers(bytes: ArrowBytes, head: BatchHead, columns: readonly PlacedField[]): Promise<Map<number, Uint8Array>> {
  const places: number[] = [];
  const add = ({ buffers, children }: PlacedField): void => {
    places.push(...buffers);
    children.forEach(add);
  };
  columns.forEach(add);
  const wanted = places.map((place) => ({ place, ...head.buffers[place]! })).sort((a, b) => a.start - b.start);
  const held = new Map<number, Uint8Array>();
  let at = 0;
  for (let first = 0; first < wanted.length; ) {
    const { start } = wanted[first]!;
    let [end, next] = [start, first];
    while (next < wanted.length && wanted[next]!.start <= Math.max(end, start)) end = Math.max(end, wanted[next++]!.end);
    await bytes.skip(start - at);
    const span = await bytes.take(end - start);
    at = end;
    for (; first < next; first++) {
      const own = wanted[first]!;
      held.set(own.place, span.subarray(own.start - start, own.end - start));
    }
  }
  return held;
}

/** A buffer is packed by itself, behind its length in 8 bytes; -1 says that it is as it was. */
function unpack(packed: Uint8Array, codec: 'lz4' | 'zstd', most: number, unzstd: Unzstd): Uint8Array {
  if (packed.length === 0) return packed;
  must(packed.length >= 8, 'a packed buffer without its length');
  const said = viewOf(packed).getBigInt64(0, true);
  const content = packed.subarray(8);
  if (said === -1n) return content;
  const size = Number(said);
  must(size >= 0 && size <= most, size < 0 ? `a buffer of ${said} bytes` : TOO_MUCH);
  if (size === 0) return new Uint8Array(0);
  if (codec === 'lz4') return unpackLz4Frame(content, size);
  checkFrames(content, size);
  const unpacked = unzstd(content, size);
  must(unpacked.length === size, `packed bytes hold ${unpacked.length} bytes where there should be ${size}`);
  return unpacked;
}

const NOTHING = new DataView(new ArrayBuffer(0));

function valuesOf(
  { field, node, buffers, children }: PlacedField,
  buffer: (place: number) => Uint8Array,
  dictionaries: Dictionaries,
): ArrowValues {
  const { length, nulls } = node;
  const layout = field.dictionary ? ({ is: 'fixed', width: field.dictionary.width } as const) : field.layout;
  const places = [...buffers];
  const next = (): Uint8Array => buffer(places.shift()!);
  const plain = { field, length, valid: undefined, data: NOTHING, offset: () => 0, views: [], children: [], entries: undefined };
  if (layout.is === 'other') throw new Error('columns that are refused are not read');
  if (layout.is === 'null') {
    checkCount(length);
    return plain;
  }
  const bits = next();
  // What is there without a null may be anything, and what is not there means that there is none.
  const valid = nulls === 0 ? undefined : bits;
  must(valid === undefined || valid.length >= Math.ceil(length / 8), `${nulls} nulls of which nothing says where they are`);
  const read = { ...plain, valid };
  switch (layout.is) {
    case 'bits': {
      const data = next();
      must(data.length >= Math.ceil(length / 8), `${length} values in ${data.length} bytes`);
      return { ...read, data: viewOf(data) };
    }
    case 'fixed': {
      const data = next();
      must(data.length >= length * layout.width, `${length} values of ${layout.width} bytes in ${data.length}`);
      if (layout.width === 0) checkCount(length);
      const entries = field.dictionary && dictionaries.get(field.dictionary.id);
      must(field.dictionary === undefined || entries !== undefined, 'its dictionary is not there');
      return { ...read, data: viewOf(data), entries };
    }
    case 'bytes': {
      const offset = offsetsOf(next(), length, layout.offset);
      const data = next();
      must(offset(length) <= data.length, `texts that end at ${offset(length)} in ${data.length} bytes`);
      return { ...read, offset, data: viewOf(data) };
    }
    case 'view': {
      const data = viewOf(next());
      must(data.byteLength >= length * 16, `${length} texts in ${data.byteLength} bytes`);
      const views = places.map((place) => buffer(place));
      checkViews(data, length, views, valid);
      return { ...read, data, views };
    }
    case 'list': {
      const offset = offsetsOf(next(), length, layout.offset);
      const entries = valuesOf(children[0]!, buffer, dictionaries);
      must(offset(length) <= entries.length, `lists that end at ${offset(length)} of ${entries.length} entries`);
      return { ...read, offset, children: [entries] };
    }
    case 'fixed-list': {
      const { size } = layout;
      const entries = valuesOf(children[0]!, buffer, dictionaries);
      must(length * size <= entries.length, `${length} lists of ${size} in ${entries.length} entries`);
      if (size === 0) checkCount(length);
      return { ...read, offset: (index) => index * size, children: [entries] };
    }
    case 'struct': {
      const fields = children.map((child) => valuesOf(child, buffer, dictionaries));
      for (const own of fields) must(own.length >= length, `${own.length} values in ${length} structures`);
      checkCount(fields.length === 0 ? length : 0);
      return { ...read, children: fields };
    }
  }
}

/** Of values that take no bytes there could be any number. */
function checkCount(length: number): void {
  must(length <= MOST_ROWS, `${length} values without a byte`);
}

/** @throws TableFault unless they ascend */
function offsetsOf(bytes: Uint8Array, length: number, width: 4 | 8): (index: number) => number {
  if (length === 0) return () => 0;
  must(bytes.length >= (length + 1) * width, `${length} places in ${bytes.length} bytes`);
  const view = viewOf(bytes);
  const offset =
    width === 4 ? (index: number) => view.getInt32(4 * index, true) : (index: number) => Number(view.getBigInt64(8 * index, true));
  let last = 0;
  for (let index = 0; index <= length; index++) {
    const own = offset(index);
    must(own >= last, 'places that do not ascend');
    last = own;
  }
  return offset;
}

function checkViews(data: DataView, length: number, views: readonly Uint8Array[], valid: Uint8Array | undefined): void {
  for (let index = 0; index < length; index++) {
    if (!isValid(valid, index)) continue;
    const size = data.getInt32(16 * index, true);
    must(size >= 0, `a text of ${size} bytes`);
    if (size <= 12) continue;
    const own = views[data.getInt32(16 * index + 8, true)];
    const start = data.getInt32(16 * index + 12, true);
    must(own !== undefined && start >= 0 && start + size <= own.length, 'a text that is not there');
  }
}

/** Whether a value is not null. */
export function isValid(valid: Uint8Array | undefined, index: number): boolean {
  return valid === undefined || ((valid[index >> 3]! >> (index & 7)) & 1) === 1;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
