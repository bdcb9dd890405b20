import { WishboneError } from '../errors.js';
import { meaningOf } from './column-names.js';
import type { Fields, RowReader } from './fields.js';

/**
 * Refuses a row with images, videos or sounds: they would be dropped, and the text that speaks of them, placeholders
 * such as `<image>` included, trained as if it stood by itself.
 *
 * @param columns the row as the file has it
 * @param mapped columns that a dataset's list of its own calls media, whatever their names
 * @throws FieldError naming the column
 */
export function refuseMedia(reader: RowReader, columns: Fields, mapped: readonly string[] = []): void {
  for (const name of Object.keys(columns)) {
    if (!mapped.includes(name) && !isMediaName(name)) continue;
    const count = entriesOf(columns[name]);
    if (count === 0) continue;
    throw reader.error(
      `the row has ${count === 1 ? 'an entry' : `${count} entries`} in "${name}", and only text can be trained on`,
      name,
      `remove the row, or the column "${name}" if the text makes sense without it`,
    );
  }
}

/** The error for a column of so many bytes that it need not be looked into. */
export function manyMedia(name: string, where: string): WishboneError {
  const advice = `remove the rows, or the column "${name}" if the texts make sense without it`;
  return new WishboneError(`"${name}" holds more than half a gigabyte, and only text can be trained on`, where, advice);
}

const known = new Map<string, boolean>();

/** Whether a column is one of images, videos or sounds by its name. */
export function isMediaName(name: string): boolean {
  let isMedia = known.get(name);
  if (isMedia === undefined) known.set(name, (isMedia = meaningOf(name) === 'media'));
  return isMedia;
}

/** Paths, addresses, or objects with bytes; numbers and flags are something about a picture, not a picture. */
function entriesOf(value: unknown): number {
  if (typeof value === 'string') return value.trim() === '' || /^\[\s*\]$/.test(value.trim()) ? 0 : 1;
  if (ArrayBuffer.isView(value)) return value.byteLength > 0 ? 1 : 0;
  if (Array.isArray(value)) return value.reduce((sum: number, item: unknown) => sum + Math.min(1, entriesOf(item)), 0);
  if (typeof value !== 'object' || value === null) return 0;
  return Object.values(value).some((part) => entriesOf(part) > 0) ? 1 : 0;
}

const PLACEHOLDERS = ['<image>', '<video>', '<audio>', '<|image|>', '<|video|>', '<|audio|>', '<|image_pad|>'];

/** The placeholder of a picture, a video or a sound that a text holds, outside of markup that closes it. */
export function placeholderIn(text: string): string | undefined {
  // Most texts have no such bracket at all.
  if (!text.includes('<')) return undefined;
  return PLACEHOLDERS.find((tag) => text.includes(tag) && !text.includes(`</${tag.slice(1)}`));
}
