import type { RowPlace } from './types.js';

/** What may be wrong with columns that are left out. */
export type ColumnFault = 'lost-text' | 'lost-system' | 'written-messages' | 'media-placeholder' | 'missing-column';

/** A value of the option `columns` that reads what was left out. */
export interface Remedy {
  /** The texts become messages for the chat template, or stay as they are. */
  readonly kind: 'chat' | 'text';
  readonly columns: string;
  /** Columns of those left out that are then read. */
  readonly reads: readonly string[];
}

/** A column that rows have and their form does not read. */
export interface UnreadColumn {
  readonly name: string;
  /** Rows in which it holds something; undefined where it stays packed (Parquet). */
  readonly rows?: number | undefined;
  /** The first of them. */
  readonly first?: Place | undefined;
}

export type Place = Pick<RowPlace, 'row' | 'line'>;

/** Something that looks like a slip: text that was meant to be trained and is not, or the other way round. */
export interface ColumnWarning {
  readonly kind: ColumnFault;
  readonly columns: readonly string[];
  readonly what: string;
  readonly advice: string;
  /** How many rows it is about, and the first; undefined when it is not about rows. */
  readonly rows?: number | undefined;
  readonly first?: Place | undefined;
  /** Values of the option `columns` that would read what is left out, the likeliest first. */
  readonly remedies: readonly Remedy[];
}

/** What the rows of a file have beside what is read of them. */
export interface ColumnReport {
  /** In the order they were met. */
  readonly unread: readonly UnreadColumn[];
  readonly warnings: readonly ColumnWarning[];
}
