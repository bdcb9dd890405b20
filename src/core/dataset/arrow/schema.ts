import { Date as DateType } from 'apache-arrow/fb/date';
import { DateUnit } from 'apache-arrow/fb/date-unit';
import { Decimal } from 'apache-arrow/fb/decimal';
import { Endianness } from 'apache-arrow/fb/endianness';
import type { Field } from 'apache-arrow/fb/field';
import { FixedSizeBinary } from 'apache-arrow/fb/fixed-size-binary';
import { FixedSizeList } from 'apache-arrow/fb/fixed-size-list';
import { FloatingPoint } from 'apache-arrow/fb/floating-point';
import { Int } from 'apache-arrow/fb/int';
import { MetadataVersion } from 'apache-arrow/fb/metadata-version';
import { Precision } from 'apache-arrow/fb/precision';
import type { Schema } from 'apache-arrow/fb/schema';
import { Time } from 'apache-arrow/fb/time';
import type { TimeUnit } from 'apache-arrow/fb/time-unit';
import { Timestamp } from 'apache-arrow/fb/timestamp';
import { Type } from 'apache-arrow/fb/type';
import { Union } from 'apache-arrow/fb/union';
import { UnionMode } from 'apache-arrow/fb/union-mode';
import { Encoding } from 'flatbuffers';
import { must } from '../table-fault.js';
import type { Opaque } from '../table-values.js';

/** How values lie in a record batch, by Arrow's Columnar.rst. */
export type Layout =
  /** No bytes at all. */
  | { readonly is: 'null' }
  | { readonly is: 'bits' }
  /** `width` bytes each. */
  | { readonly is: 'fixed'; readonly width: number }
  /** Offsets of so many bytes into the bytes of all. */
  | { readonly is: 'bytes'; readonly offset: 4 | 8 }
  /** Short ones within, long ones in buffers of their own. */
  | { readonly is: 'view' }
  | { readonly is: 'list'; readonly offset: 4 | 8 }
  | { readonly is: 'fixed-list'; readonly size: number }
  | { readonly is: 'struct' }
  /** Only passed over. */
  | { readonly is: 'other'; readonly buffers: number };

/** What a value is to whoever reads it. */
export type Meaning = 'text' | 'json' | 'boolean' | 'int' | 'float' | 'decimal' | 'null' | 'nested' | Opaque;

/** A field of a schema. */
export interface ArrowField {
  readonly name: string;
  /** Of its values; where there is a dictionary, of its entries. */
  readonly layout: Layout;
  readonly meaning: Meaning;
  readonly isSigned: boolean;
  /** Of decimals. */
  readonly scale: number;
  /** Of times: how many to a second. */
  readonly ticks: number;
  readonly children: readonly ArrowField[];
  /** Values are places in a dictionary, numbers of `width` bytes. */
  readonly dictionary: { readonly id: bigint; readonly width: number; readonly isSigned: boolean } | undefined;
  /** Why it is not read, in words that go on a sentence which begins with the column. */
  readonly refused: string | undefined;
}

const DEEPEST = 64;
/** Fields of a schema, and bytes of all their names. */
const MOST_FIELDS = 100_000;
const MOST_NAMES = 1 << 24;

/**
 * Makes sense of a schema. Arrow's own classes read its parts; they believe every length and place in it, so how far they go is
 * counted here.
 *
 * @throws TableFault
 */
export function readSchema(schema: Schema, version: MetadataVersion): ArrowField[] {
  must(schema.endianness() === Endianness.Little, 'its numbers are big-endian, which is not read');
  const left = { version, fields: MOST_FIELDS, names: MOST_NAMES };
  return childrenOf(schema.fieldsLength(), (index) => schema.fields(index), left, 0);
}

interface Left {
  readonly version: MetadataVersion;
  fields: number;
  names: number;
}

function childrenOf(count: number, child: (index: number) => Field | null, left: Left, depth: number): ArrowField[] {
  must(depth < DEEPEST, 'its schema is nested too deeply');
  must(count >= 0 && count <= left.fields, 'its schema has too many fields');
  left.fields -= count;
  return Array.from({ length: count }, (_, index) => {
    const field = child(index);
    must(field !== null, 'its schema has a field that is not there');
    return readField(field, left, depth);
  });
}

function readField(field: Field, left: Left, depth: number): ArrowField {
  const bytes = (field.name(Encoding.UTF8_BYTES) ?? new Uint8Array(0)) as Uint8Array;
  left.names -= bytes.length;
  must(left.names >= 0, 'its schema has names without an end');
  const children = childrenOf(field.childrenLength(), (index) => field.children(index), left, depth + 1);
  const name = new TextDecoder().decode(bytes);
  const encoding = field.dictionary();
  const index = encoding?.indexType() ?? undefined;
  const dictionary = encoding
    ? { id: encoding.id(), width: index === undefined ? 4 : index.bitWidth() / 8, isSigned: index?.isSigned() ?? true }
    : undefined;
  must(
    dictionary === undefined || [1, 2, 4, 8].includes(dictionary.width),
    `column "${name}" has places of an unknown width in a dictionary`,
  );
  const read = kindOf(field, left.version);
  const { layout } = read;
  const wanted =
    layout.is === 'list' || layout.is === 'fixed-list' ? 1 : layout.is === 'struct' || layout.is === 'other' ? children.length : 0;
  must(children.length === wanted, `column "${name}" has ${children.length} fields within where there should be ${wanted}`);
  return { name, isSigned: true, scale: 0, ticks: 1, refused: undefined, ...read, children, dictionary };
}

type Read = Pick<ArrowField, 'layout' | 'meaning'> & Partial<ArrowField>;

const fixed = (width: number, meaning: Meaning, more: Partial<ArrowField> = {}): Read => ({
  layout: { is: 'fixed', width },
  meaning,
  ...more,
});
const nested = (layout: Layout): Read => ({ layout, meaning: 'nested' });
const refuse = (refused: string, buffers: number): Read => ({ layout: { is: 'other', buffers }, meaning: 'nested', refused });

/** By Arrow's Schema.fbs. */
function kindOf(field: Field, version: MetadataVersion): Read {
  switch (field.typeType()) {
    case Type.Null:
      return { layout: { is: 'null' }, meaning: 'null' };
    case Type.Bool:
      return { layout: { is: 'bits' }, meaning: 'boolean' };
    case Type.Int: {
      const type = part(field, new Int());
      return fixed(bytesOf(type.bitWidth(), [8, 16, 32, 64]), 'int', { isSigned: type.isSigned() });
    }
    case Type.FloatingPoint:
      return fixed(
        { [Precision.HALF]: 2, [Precision.SINGLE]: 4, [Precision.DOUBLE]: 8 }[part(field, new FloatingPoint()).precision()] ?? 0,
        'float',
      );
    case Type.Utf8:
      return { layout: { is: 'bytes', offset: 4 }, meaning: textOf(field) };
    case Type.LargeUtf8:
      return { layout: { is: 'bytes', offset: 8 }, meaning: textOf(field) };
    case Type.Utf8View:
      return { layout: { is: 'view' }, meaning: textOf(field) };
    // Bytes are often texts whose writer did not say so, as in Parquet; those that are none are told by reading them.
    case Type.Binary:
      return { layout: { is: 'bytes', offset: 4 }, meaning: 'text' };
    case Type.LargeBinary:
      return { layout: { is: 'bytes', offset: 8 }, meaning: 'text' };
    case Type.BinaryView:
      return { layout: { is: 'view' }, meaning: 'text' };
    case Type.FixedSizeBinary: {
      const width = part(field, new FixedSizeBinary()).byteWidth();
      must(width >= 0, `bytes of a width of ${width}`);
      return fixed(width, extensionOf(field) === 'arrow.uuid' ? '<UUID>' : '<bytes>');
    }
    case Type.Decimal: {
      const type = part(field, new Decimal());
      const scale = type.scale();
      must(Math.abs(scale) <= 1000, `decimals with ${scale} places`);
      return fixed(bytesOf(type.bitWidth(), [32, 64, 128, 256]), 'decimal', { scale });
    }
    case Type.Date: {
      const isDays = part(field, new DateType()).unit() === DateUnit.DAY;
      return fixed(isDays ? 4 : 8, '<date>', { ticks: isDays ? 1 : 86_400_000 });
    }
    case Type.Time: {
      const type = part(field, new Time());
      return fixed(bytesOf(type.bitWidth(), [32, 64]), '<time>', { ticks: ticksOf(type.unit()) });
    }
    case Type.Timestamp:
      return fixed(8, '<datetime>', { ticks: ticksOf(part(field, new Timestamp()).unit()) });
    case Type.Duration:
      return fixed(8, '<timedelta>');
    case Type.List:
      return nested({ is: 'list', offset: 4 });
    case Type.LargeList:
      return nested({ is: 'list', offset: 8 });
    case Type.FixedSizeList: {
      const size = part(field, new FixedSizeList()).listSize();
      must(size >= 0, `lists of ${size} entries`);
      return nested({ is: 'fixed-list', size });
    }
    case Type.Struct_:
      return nested({ is: 'struct' });
    case Type.Map:
      return refuse('holds maps', 2);
    case Type.ListView:
    case Type.LargeListView:
      return refuse('holds list views', 3);
    case Type.RunEndEncoded:
      return refuse('holds runs of equal values', 0);
    case Type.Interval:
      return refuse('holds intervals', 2);
    case Type.Union: {
      must(version === MetadataVersion.V5, 'it holds unions as before Arrow 1.0');
      return refuse('holds unions', part(field, new Union()).mode() === UnionMode.Dense ? 2 : 1);
    }
    default:
      must(false, 'a column is of an unknown type');
  }
}

function part<T>(field: Field, type: T): T {
  const read = field.type(type) as T | null;
  must(read !== null, 'a column says nothing of its type');
  return read;
}

function bytesOf(bits: number, known: readonly number[]): number {
  must(known.includes(bits), `numbers of ${bits} bits`);
  return bits / 8;
}

function ticksOf(unit: TimeUnit): number {
  must(unit >= 0 && unit <= 3, 'times in an unknown unit');
  return 1000 ** unit;
}

function textOf(field: Field): Meaning {
  return extensionOf(field) === 'arrow.json' ? 'json' : 'text';
}

/** The name of Arrow's extension type that a field is of. */
function extensionOf(field: Field): string | undefined {
  const most = Math.min(field.customMetadataLength(), 100);
  for (let index = 0; index < most; index++) {
    const pair = field.customMetadata(index);
    if (pair && asText(pair.key(Encoding.UTF8_BYTES)) === 'ARROW:extension:name') return asText(pair.value(Encoding.UTF8_BYTES));
  }
  return undefined;
}

function asText(bytes: string | Uint8Array | null): string {
  return typeof bytes === 'string' || bytes === null ? (bytes ?? '') : Buffer.from(bytes.subarray(0, 100)).toString('latin1');
}
