import type { FileReport } from '../file-checker.js';
import type { RowTokens } from '../row-tokens.js';
import type { FileSummary, Problem, RowsByCheck } from '../types.js';

/** A replacement in a text; `offset` and `length` are UTF-16 units of the text before it. */
export interface TextEdit {
  readonly offset: number;
  readonly length: number;
  readonly text: string;
}

/** What a document is checked against, besides its own text. */
export interface CheckOptions {
  /** Model folder whose tokenizer counts; undefined: tokens are not counted. */
  readonly model: string | undefined;
  /** Most tokens of a sequence. */
  readonly maxLength: number;
  /** Files for evaluation, absolute paths; undefined: told by the names of files in the same folder. */
  readonly evalFiles: readonly string[] | undefined;
}

/** What the service can be asked. `id` stands for a document from `open` or `file` to `close`. */
export interface CheckCalls {
  open(document: {
    readonly id: number;
    readonly version: number;
    readonly text: string;
    readonly isJsonFile: boolean;
    /** Absolute path; undefined for a document that was never saved. */
    readonly file: string | undefined;
    readonly options: CheckOptions;
  }): void;
  /** Edits apply at once, one after another, but are only checked on request. */
  edit(change: { readonly id: number; readonly version: number; readonly edits: readonly TextEdit[] }): void;
  /** `length`: of the editor's text. If it differs from ours, an edit was missed. */
  check(document: { readonly id: number; readonly length: number }): void;
  options(change: { readonly id: number; readonly options: CheckOptions }): void;
  /** The file on disk has changed: its bytes are looked at again. */
  saved(document: { readonly id: number }): void;
  /** Checks a file from disk, for documents too large to send. */
  file(document: { readonly id: number; readonly file: string; readonly options: CheckOptions }): void;
  close(document: { readonly id: number }): void;
  /** The tokens of rows, by their JSON text, in the order asked for; undefined for a row that cannot be trained on. */
  tokens(asked: {
    readonly model: string;
    readonly maxLength: number;
    readonly rows: readonly string[];
  }): readonly (RowTokens | undefined)[];
}

/** What went wrong with something outside, as `WishboneError` tells it. */
export interface Trouble {
  readonly what: string;
  readonly where: string;
  readonly advice: string;
}

/** The tokens of all rows that have been tokenised. */
export interface TokenSums {
  readonly pairs: number;
  readonly naiveTokens: number;
  readonly sharedTokens: number;
  /** Of the longest sequence, uncut; more than the model was made for are not counted. */
  readonly longest: number;
  /** Required FLOPs of one forward pass; undefined where the model's shape is not known. */
  readonly flops: { readonly naive: number; readonly shared: number } | undefined;
}

/** What is known of a document. */
export interface DocumentReport extends FileSummary {
  readonly version: number;
  /** Where each row's JSON begins and ends, as indices into the text: begin, end, begin, end, … */
  readonly rows: Uint32Array;
  readonly onOwnLines: boolean;
  /** The weightiest, in the order of the text. */
  readonly problems: readonly Problem[];
  /** Where all of them are, the others included. */
  readonly rowsByCheck: RowsByCheck;
  /** Undefined without a model. */
  readonly tokens: { readonly done: number; readonly total: number; readonly sums: TokenSums } | undefined;
  /** Why tokens cannot be counted. */
  readonly modelTrouble: Trouble | undefined;
}

/** What the service reports about a document, by its number. */
export interface CheckEvents {
  report: { readonly id: number; readonly report: DocumentReport };
  fileReport: { readonly id: number; readonly report: FileReport };
  /** An edit was missed: the document has to be opened again. */
  outOfStep: { readonly id: number };
  /** The file cannot be read any further. */
  fileTrouble: { readonly id: number; readonly trouble: Trouble };
}
