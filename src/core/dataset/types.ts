/**
 * One chat message; the chat template gets it as it is. Keys beyond role
 * and content (name, tool_calls, …) are as they stand in the file; those that are null are not there. An exact value
 * (src/core/exact-json).
 */
export interface Message {
  readonly role: string;
  /** Not there where a message holds tool calls alone. */
  readonly content?: string | null;
  readonly [key: string]: unknown;
}

/** Prompt and responses as plain text; a model reads prompt + response. */
export interface TextPair {
  readonly kind: 'text';
  readonly prompt: string;
  readonly chosen: string;
  readonly rejected: string;
}

/** Prompt and responses as messages; a model reads what the chat template makes of prompt + response. */
export interface MessagePair {
  readonly kind: 'messages';
  readonly prompt: readonly Message[];
  readonly chosen: readonly Message[];
  readonly rejected: readonly Message[];
  /** Tool descriptions for the chat template. */
  readonly tools?: readonly unknown[];
  /** Documents for the chat template. */
  readonly documents?: readonly unknown[];
  /** More variables for the chat template, by name. */
  readonly chatTemplateKwargs?: Readonly<Record<string, unknown>>;
}

/** Where in its file a row stands. */
export interface RowPlace {
  /** 0-based number of the row; blank lines are not rows. */
  readonly row: number;
  /** 1-based line on which the row begins; undefined in a file without lines (Parquet). */
  readonly line: number | undefined;
  /** In a dataset of several files: the row's file, absolute, and its number there. `row` counts through all of them. */
  readonly file?: string;
  readonly rowInFile?: number;
}

/** A row's name for people: `line 12`, or `row 12` (from 1) in a file without lines. */
export function rowName({ row, line, rowInFile = row }: RowPlace): string {
  return line === undefined ? `row ${rowInFile + 1}` : `line ${line}`;
}

/** Where a row stands, as errors say it: `file:12`, or `file, row 12` in a file without lines. */
export function rowWhere(file: string, place: RowPlace): string {
  const { file: own = file, line } = place;
  return line === undefined ? `${own}, ${rowName(place)}` : `${own}:${line}`;
}

/** One preference example as read from a file. */
export type PairText = (TextPair | MessagePair) &
  RowPlace & {
    /** What the row says of where it comes from, in a field `source`. */
    readonly source?: string | undefined;
  };
