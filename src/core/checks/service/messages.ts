import type { FileReport } from '../file-checker.js';
import type { RowTokens } from '../row-tokens.js';
import type { FileSummary, Problem, RowsByCheck } from '../types.js';

/** A replacement in a text; `offset` and `length` are UTF-16 units of the text before it. */
export interface TextEdit {
  readonly offset: number;
  readonly length: number;
  readonly text: string;
}

/** What a document is checked with beside its own text. */
export interface CheckOptions {
  /** Model folder whose tokenizer counts; undefined: tokens are not counted. */
  readonly model: string | undefined;
  /** Most tokens of a sequence. */
  readonly maxLength: number;
  /** Files for evaluation, absolute paths; undefined: told by the names of files in the same folder. */
  readonly evalFiles: readonly string[] | undefined;
}

/** What is sent to the worker. `id` stands for a document from `open` or `file` to `close`. */
export type CheckRequest =
  | {
      readonly type: 'open';
      readonly id: number;
      readonly version: number;
      readonly text: string;
      readonly isJsonFile: boolean;
      /** Absolute path; undefined for a document that was never saved. */
      readonly file: string | undefined;
      readonly options: CheckOptions;
    }
  /** Edits are applied at once, one after another; they are looked at when a check is asked for. */
  | { readonly type: 'edit'; readonly id: number; readonly version: number; readonly edits: readonly TextEdit[] }
  /** `length`: of the text as the editor has it. When it is another one, an edit was missed. */
  | { readonly type: 'check'; readonly id: number; readonly length: number }
  | { readonly type: 'options'; readonly id: number; readonly options: CheckOptions }
  /** The file on disk is another one: its bytes are looked at again. */
  | { readonly type: 'saved'; readonly id: number }
  /** Checks a file from disk, for a document that is too large to be sent. */
  | { readonly type: 'file'; readonly id: number; readonly file: string; readonly options: CheckOptions }
  | { readonly type: 'close'; readonly id: number }
  /** Asks for the tokens of rows, by their JSON text. */
  | {
      readonly type: 'tokens';
      readonly request: number;
      readonly model: string;
      readonly maxLength: number;
      readonly rows: readonly string[];
    };

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

/** What the worker sends. */
export type CheckResponse =
  | { readonly type: 'report'; readonly id: number; readonly report: DocumentReport }
  | { readonly type: 'fileReport'; readonly id: number; readonly report: FileReport }
  /** An edit was missed: the document has to be opened again. */
  | { readonly type: 'outOfStep'; readonly id: number }
  /** The file cannot be read any further. */
  | { readonly type: 'fileTrouble'; readonly id: number; readonly trouble: Trouble }
  | {
      readonly type: 'tokens';
      readonly request: number;
      /** In the order asked for; undefined for a row that cannot be trained on. */
      readonly rows: readonly (RowTokens | undefined)[];
    }
  | { readonly type: 'tokenTrouble'; readonly request: number; readonly trouble: Trouble }
  /** A fault of ours. */
  | { readonly type: 'fault'; readonly message: string; readonly stack: string };
