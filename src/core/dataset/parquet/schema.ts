import type { SchemaElement } from 'hyparquet';
import { must } from '../table-fault.js';
import type { Opaque } from '../table-values.js';

/** What a leaf's values are to whoever reads them. */
export type LeafKind =
  | 'text'
  | 'json'
  | 'boolean'
  | 'int'
  | 'uint32'
  | 'uint64'
  | 'float'
  | 'float16'
  | 'decimal'
  | 'null'
  /** No JSON value. */
  | Opaque;

/** A column of values, as Parquet stores them: the end of a path through lists and structures. */
export interface Leaf {
  /** Names from the top-level column on, those of list levels too. */
  readonly path: readonly string[];
  /** Their places in the list of schema elements. */
  readonly places: readonly number[];
  readonly type: string;
  /** Bytes of a value of fixed length. */
  readonly typeLength: number;
  readonly definitionLevels: number;
  readonly repetitionLevels: number;
  readonly kind: LeafKind;
  readonly scale: number;
  /** Of times: how many to a second. */
  readonly ticks: number;
}

/** A field of the schema by what it means: what rows are made of. */
export type Field = {
  readonly name: string;
  /** Its place in the list of schema elements. */
  readonly index: number;
} & (
  | { readonly is: 'leaf'; readonly leaf: Leaf }
  | { readonly is: 'list'; readonly of: Field }
  | { readonly is: 'struct'; readonly fields: readonly Field[] }
  /** Written in a way that is not read; `what` goes on a sentence that begins with the column. */
  | { readonly is: 'refused'; readonly what: string }
);

/** The fields of a file and its leaves, both in the file's order. */
export interface Schema {
  readonly columns: readonly Field[];
  readonly leaves: readonly Leaf[];
  /** Places of the elements that are lists. */
  readonly lists: ReadonlySet<number>;
}

const DEEPEST = 64;

/**
 * Makes sense of a file's schema, by the rules of Parquet's LogicalTypes.md.
 *
 * @throws TableFault when its elements are no tree
 */
export function readSchema(elements: readonly SchemaElement[]): Schema {
  const leaves: Leaf[] = [];
  const lists = new Set<number>();
  let next = 0;
  const read = (path: readonly string[], places: readonly number[], levels: Levels, inList: boolean): Field => {
    must(path.length < DEEPEST, 'its schema is nested too deeply');
    const index = next++;
    const element = elements[index];
    must(element !== undefined && typeof element.name === 'string', 'its schema ends too early');
    const { name, repetition_type: repetition } = element;
    const own = [...path, name];
    const ownPlaces = [...places, index];
    const below: Levels = {
      definition: levels.definition + (repetition === 'REQUIRED' ? 0 : 1),
      repetition: levels.repetition + (repetition === 'REPEATED' ? 1 : 0),
    };
    const refused = (what: string): Field => ({ name, index, is: 'refused', what });
    const stray = repetition === 'REPEATED' && !inList;
    const children = element.num_children ?? 0;
    if (children === 0) {
      must(element.type !== undefined, `column "${own.join('.')}" has no type`);
      const leaf = leafOf(element, own, ownPlaces, below);
      leaves.push(leaf);
      return stray ? refused(STRAY_LIST) : { name, index, is: 'leaf', leaf };
    }
    must(children > 0 && children <= elements.length - next, `its schema says ${children} fields where ${elements.length - next} are left`);
    const { is, what } = groupKind(element);
    const fields = Array.from({ length: children }, () => read(own, ownPlaces, below, is === 'list'));
    if (is === 'refused') return refused(what);
    if (is === 'list') {
      const list = listOf(elements, name, index, fields, refused);
      if (list.is === 'list') lists.add(index);
      return list;
    }
    return stray ? refused(STRAY_LIST) : { name, index, is: 'struct', fields };
  };
  const root = elements[next++];
  must(root !== undefined, 'it has no schema');
  const wanted = root.num_children ?? 0;
  must(wanted <= elements.length, `its schema says ${wanted} columns where there are ${elements.length} elements`);
  const columns = Array.from({ length: wanted }, () => read([], [], { definition: 0, repetition: 0 }, false));
  must(next === elements.length, 'its schema has elements in no column');
  return { columns, leaves, lists };
}

interface Levels {
  readonly definition: number;
  readonly repetition: number;
}

const STRAY_LIST = 'holds a repeated field outside of a list';

function groupKind(element: SchemaElement): { readonly is: 'list' | 'struct' | 'refused'; readonly what: string } {
  const { converted_type: converted, logical_type: logical } = element;
  if (converted === 'LIST' || logical?.type === 'LIST') return { is: 'list', what: '' };
  if (converted === 'MAP' || converted === 'MAP_KEY_VALUE' || logical?.type === 'MAP') return { is: 'refused', what: 'holds maps' };
  if (logical?.type === 'VARIANT') return { is: 'refused', what: 'holds variants' };
  return { is: 'struct', what: '' };
}

/** @param fields of the group that is marked as a list */
function listOf(
  elements: readonly SchemaElement[],
  name: string,
  index: number,
  fields: readonly Field[],
  refused: (what: string) => Field,
): Field {
  const [entries] = fields;
  const element = entries && elements[entries.index];
  if (entries === undefined || element === undefined || fields.length !== 1 || element.repetition_type !== 'REPEATED') {
    return refused('holds lists that are written in no known way');
  }
  if (entries.is === 'refused') return refused(entries.what);
  // A repeated group of one field holds the entries, one of several is the entry. Of one that is named as before
  // there were such groups, nobody can tell.
  if (entries.is !== 'struct' || entries.fields.length > 1) return { name, index, is: 'list', of: entries };
  if (entries.name === 'array' || entries.name.endsWith('_tuple')) return refused('holds lists written in the way of before Parquet 2');
  return { name, index, is: 'list', of: entries.fields[0] as Field };
}

function leafOf(element: SchemaElement, path: readonly string[], places: readonly number[], { definition, repetition }: Levels): Leaf {
  const kind = kindOf(element);
  const fitting = TYPES_OF[kind];
  must(
    fitting === undefined || fitting.includes(element.type as string),
    `column "${path.join('.')}" is marked as ${kind}, but stored as ${element.type}`,
  );
  return {
    path,
    places,
    type: element.type as string,
    typeLength: element.type_length ?? 0,
    definitionLevels: definition,
    repetitionLevels: repetition,
    kind,
    ticks: ticksOf(element),
    scale: element.scale ?? (element.logical_type?.type === 'DECIMAL' ? element.logical_type.scale : 0),
  };
}

function ticksOf({ converted_type: converted, logical_type: logical }: SchemaElement): number {
  const unit = logical?.type === 'TIMESTAMP' || logical?.type === 'TIME' ? logical.unit : undefined;
  if (unit === 'NANOS') return 1e9;
  return unit === 'MICROS' || converted?.endsWith('_MICROS') ? 1e6 : 1e3;
}

const TYPES_OF: Partial<Record<LeafKind, readonly string[]>> = {
  text: ['BYTE_ARRAY', 'FIXED_LEN_BYTE_ARRAY'],
  json: ['BYTE_ARRAY'],
  int: ['INT32', 'INT64'],
  uint32: ['INT32'],
  uint64: ['INT64'],
  float16: ['FIXED_LEN_BYTE_ARRAY'],
  decimal: ['INT32', 'INT64', 'BYTE_ARRAY', 'FIXED_LEN_BYTE_ARRAY'],
};

function kindOf(element: SchemaElement): LeafKind {
  const { type, converted_type: converted, logical_type: logical } = element;
  switch (logical?.type) {
    case 'STRING':
    case 'ENUM':
      return 'text';
    case 'JSON':
      return 'json';
    case 'DECIMAL':
      return 'decimal';
    case 'DATE':
      return '<date>';
    case 'TIME':
      return '<time>';
    case 'TIMESTAMP':
      return '<datetime>';
    case 'UUID':
      return '<UUID>';
    case 'FLOAT16':
      return 'float16';
    case 'NULL':
      return 'null';
    case 'INTEGER':
      return logical.isSigned ? 'int' : logical.bitWidth === 64 ? 'uint64' : logical.bitWidth === 32 ? 'uint32' : 'int';
    case 'BSON':
    case 'GEOMETRY':
    case 'GEOGRAPHY':
      return '<bytes>';
    default:
  }
  switch (converted) {
    case 'UTF8':
    case 'ENUM':
      return 'text';
    case 'JSON':
      return 'json';
    case 'DECIMAL':
      return 'decimal';
    case 'DATE':
      return '<date>';
    case 'TIME_MILLIS':
    case 'TIME_MICROS':
      return '<time>';
    case 'TIMESTAMP_MILLIS':
    case 'TIMESTAMP_MICROS':
      return '<datetime>';
    case 'UINT_32':
      return 'uint32';
    case 'UINT_64':
      return 'uint64';
    default:
  }
  switch (type) {
    case 'BOOLEAN':
      return 'boolean';
    case 'FLOAT':
    case 'DOUBLE':
      return 'float';
    case 'INT32':
    case 'INT64':
      return 'int';
    case 'INT96':
      return '<datetime>';
    case 'FIXED_LEN_BYTE_ARRAY':
      return '<bytes>';
    default:
      // Old writers did not mark texts.
      return converted === 'BSON' ? '<bytes>' : 'text';
  }
}
