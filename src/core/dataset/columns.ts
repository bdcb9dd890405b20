import { ExitCode, WishboneError } from '../errors.js';
import type { Fields } from './fields.js';
import { FORM_COLUMNS, SIDES_COLUMNS } from './forms/index.js';
import type { Columns } from './row.js';
import { UNPAIRED_COLUMNS } from './unpaired.js';

/** For fields that a form knows, the names they have in a file: `{ prompt: 'question' }`; null: the field is not read. */
export type ColumnMap = Readonly<Record<string, string | null>>;

/**
 * Reads `prompt=question,chosen=good`: fields and the file's names for them. Empty text maps nothing.
 *
 * @throws WishboneError naming the part that is wrong
 */
export function parseColumns(text: string): ColumnMap {
  const map = new Map<string, string>();
  for (const part of text.split(',')) {
    if (part.trim() === '') continue;
    const at = part.indexOf('=');
    const field = part.slice(0, Math.max(at, 0)).trim();
    const column = part.slice(at + 1).trim();
    const problem =
      at < 0 || column === ''
        ? 'does not have the form field=column'
        : !FORM_COLUMNS.includes(field)
          ? `names an unknown field: ${JSON.stringify(field)}`
          : map.has(field)
            ? `maps "${field}" a second time`
            : undefined;
    if (problem !== undefined) {
      throw new WishboneError(
        `${JSON.stringify(part.trim())} ${problem}`,
        'columns',
        `write for example prompt=question,chosen=good; fields are ${FORM_COLUMNS.join(', ')}`,
        ExitCode.usage,
      );
    }
    map.set(field, column);
  }
  return Object.fromEntries(map);
}

/** The columns that rows are read of, the file's names among them. */
export function usedColumns(map: ColumnMap = {}): Pick<Columns, 'used' | 'withoutSides'> {
  const mapped = Object.values(map).filter((column) => column !== null);
  return { used: [...SIDES_COLUMNS, ...mapped], withoutSides: [...FORM_COLUMNS, ...UNPAIRED_COLUMNS] };
}

/** A row with its columns under the forms' names. A column that the row lacks leaves its field out. */
export function mapColumns(fields: Fields, map: ColumnMap): Fields {
  const columns = new Set<string | null>(Object.values(map));
  const kept = Object.entries(fields).filter(([name]) => !columns.has(name) && !Object.hasOwn(map, name));
  const mapped = Object.entries(map).flatMap(([field, column]) =>
    column !== null && Object.hasOwn(fields, column) ? [[field, fields[column]] as const] : [],
  );
  return Object.fromEntries([...kept, ...mapped]);
}
