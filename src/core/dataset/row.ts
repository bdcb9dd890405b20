import type { WishboneError } from '../errors.js';
import type { RowPlace } from './types.js';

/** One row of a dataset file as a JSON value, or why it could not be read. */
export type Row = RowPlace &
  (
    | { readonly value: unknown }
    | {
        readonly error: WishboneError;
        /** Nothing behind the fault can be read: it is one of the file, not of a row. */
        readonly isLast?: true;
      }
  );

/** Which columns of a table are asked for. Files that are no tables give every row whole. */
export interface Columns {
  /** All that any form may use; others are not read. */
  readonly used: readonly string[];
  /** More of them, for a file without the columns `chosen` and `rejected`. */
  readonly withoutSides?: readonly string[] | undefined;
  /** Others to read where a file says that they are text. */
  readonly texts?: ((name: string, isNested: boolean) => boolean) | undefined;
  /** Everything is read, whatever it holds. */
  readonly all?: true | undefined;
  /** Those without which no row of a CSV file can be a pair. */
  readonly needed: readonly string[];
}
