import { FieldError, isFields, RowReader, type Fields } from '../dataset/fields.js';
import { detectForm, readForm } from '../dataset/forms/index.js';
import type { DatasetForm, MessagePair, TextPair } from '../dataset/index.js';
import { refuseMedia } from '../dataset/media.js';
import type { ReadOptions } from '../dataset/read.js';
import { parseExactRow } from '../exact-json/index.js';
import type { ResponsePlaces } from '../dataset/responses.js';

/** How the rows of a file are read, where more is said of it than its rows say themselves: by an entry of a `dataset_info.json`, or by hand. */
export type RowSettings = Pick<ReadOptions, 'form' | 'tags' | 'media'>;

/** The pairs that a row makes. */
export interface ReadRow {
  readonly form: DatasetForm;
  readonly fields: Fields;
  readonly pairs: readonly (TextPair | MessagePair)[];
  readonly places: readonly ResponsePlaces[] | undefined;
}

/** Reads the JSON text of one row; undefined when it cannot be trained on. */
export function readRow(text: string, { form: given, tags, media }: RowSettings = {}): ReadRow | undefined {
  let fields: unknown;
  try {
    fields = parseExactRow(text);
  } catch {
    return undefined;
  }
  const form = isFields(fields) ? (given ?? detectForm(fields)) : undefined;
  if (!isFields(fields) || form === undefined) return undefined;
  try {
    const reader = new RowReader('', fields);
    const { pairs, places } = readForm(form, reader, { pairing: 'all', minMargin: 0, tags });
    refuseMedia(reader, fields, media);
    return { form, fields, pairs, places };
  } catch (error) {
    if (error instanceof FieldError) return undefined;
    throw error;
  }
}
