import { WishboneError } from '../errors.js';
import { isFields, peek, type Fields, type RowReader } from './fields.js';

/** Fields that hold one text, or messages, in every form. */
const SINGLE = ['prompt', 'instruction'] as const;

/**
 * Refuses a row that is a whole file: an object whose fields are columns, a list in each, or an object of row numbers as
 * pandas writes by default.
 *
 * @throws FieldError
 */
export function refuseColumns(reader: RowReader): void {
  const { fields } = reader;
  // Only looked at: what the form does not read is told of as left out.
  const isList = SINGLE.find((name) => isListOfTexts(peek(fields, name)));
  const isNumbered = [...SINGLE, 'chosen'].find((name) => isNumberedColumn(peek(fields, name)));
  const name = isList ?? isNumbered;
  if (name === undefined) return;
  throw reader.error(
    `field "${name}" holds ${isList ? 'a list of texts' : 'texts by row numbers'}: this is one object of columns, not a row`,
    name,
    'write one row per line, for example pandas.DataFrame(columns).to_json("pairs.jsonl", orient="records", lines=True)',
  );
}

function isListOfTexts(value: unknown): boolean {
  return Array.isArray(value) && typeof value[0] === 'string';
}

function isNumberedColumn(value: unknown): boolean {
  if (!isFields(value)) return false;
  // Names that are whole numbers come first, or are marked (src/core/exact-json).
  const [first] = Object.keys(value);
  return first === '0' || first === '\u00000';
}

/**
 * Refuses an object of no known form that holds the rows in one of its fields, as APIs and pandas wrap them.
 *
 * @param isRow whether an object is one
 * @throws WishboneError
 */
export function refuseWrapped(fields: Fields, where: string, isRow: (fields: Fields) => boolean): void {
  const name = Object.keys(fields).find((key) => {
    const list = fields[key];
    if (!Array.isArray(list)) return false;
    const [first] = list as unknown[];
    // pandas with orient="split": names in one list, rows without names in another.
    if (Array.isArray(first)) return key === 'data' && Array.isArray(fields['columns']);
    return isFields(first) && (isRow(first) || (isFields(first['row']) && isRow(first['row'])));
  });
  if (name === undefined) return;
  throw new WishboneError(
    `the rows are in field "${name}" of one object`,
    `${where}, field "${name}"`,
    'write only the list of rows, each an object with its fields, or one row per line (JSON lines)',
  );
}
