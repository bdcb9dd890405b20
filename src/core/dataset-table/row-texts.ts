import type { CheckName } from '../checks/index.js';

/** Why a row has no text. */
export interface RowFault {
  readonly check: CheckName;
  readonly what: string;
  readonly advice: string;
}

/** The JSON text of a row, or why there is none. */
export type RowText =
  | { readonly text: string; readonly isUtf8: boolean; readonly fault?: undefined }
  | { readonly text: ''; readonly isUtf8: true; readonly fault: RowFault };

/** The rows of a dataset as JSON texts, each read when somebody asks for it. Rows count from 0. */
export interface RowTexts {
  /** Rows found so far. */
  readonly count: number;
  /** The line that a row begins on, from 1; undefined in files without lines. */
  line(row: number): number | undefined;
  /**
   * The rows [from, to).
   *
   * @throws WishboneError when the file has changed under the reader
   */
  read(from: number, to: number): Promise<RowText[]>;
  close(): Promise<void>;
}

/** UTF-16 units, or bytes, that are read of a dataset at once while all rows are gone through. */
export const BATCH = 1 << 20;

/** One row. */
export async function readRowText(rows: RowTexts, row: number): Promise<RowText> {
  const [text] = await rows.read(row, row + 1);
  return text!;
}
