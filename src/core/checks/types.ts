import type { DatasetForm, Remedy } from '../dataset/index.js';

/**
 * How much a problem matters: an error keeps a row from being trained on, a warning makes training worse, an
 * information is worth knowing.
 */
export type Severity = 'error' | 'warning' | 'information';

/** Every check, by the code that people see, with its severity. docs/diagnostics.md has a section for each. */
export const CHECK_SEVERITIES = {
  'malformed-row': 'error',
  'invalid-utf8': 'error',
  'unknown-form': 'error',
  'mixed-forms': 'error',
  'missing-field': 'error',
  'wrong-type': 'error',
  'bad-value': 'error',
  'empty-response': 'error',
  'template-refusal': 'error',
  'skipped-pair': 'error',
  'equal-responses': 'warning',
  'white-space-difference': 'warning',
  duplicate: 'warning',
  contradiction: 'warning',
  'role-order': 'warning',
  'template-token': 'warning',
  mojibake: 'warning',
  'over-length': 'warning',
  'no-common-prefix': 'warning',
  'prompt-leakage': 'warning',
  'lost-text': 'warning',
  'written-messages': 'warning',
  'media-placeholder': 'warning',
  'unread-columns': 'information',
  'boundary-merge': 'information',
  'outer-white-space': 'information',
  'length-bias': 'information',
  'source-balance': 'information',
  'more-problems': 'information',
} as const satisfies Readonly<Record<string, Severity>>;
export type CheckName = keyof typeof CHECK_SEVERITIES;

/** A place in a text: 0-based line and UTF-16 unit within it, as editors count. */
export interface Position {
  readonly line: number;
  readonly character: number;
}

/** A half-open stretch of text. */
export interface Range {
  readonly start: Position;
  readonly end: Position;
}

/** A half-open stretch of text as indices (UTF-16 units). */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** What a check found, told as errors are told: what is wrong, what to do about it. */
export interface Finding {
  readonly check: CheckName;
  readonly what: string;
  readonly advice: string;
  /** Values of the option `columns` that put it right. */
  readonly remedies?: readonly Remedy[];
}

/** A problem within one row; spans are indices into the row's text. */
export interface RowProblem extends Finding {
  readonly span: Span;
  /** White space that can be deleted to put the problem right. */
  readonly trim?: readonly Span[];
  /** A field's name that is a slip of the pen, and the name that was meant. */
  readonly rename?: { readonly span: Span; readonly name: string };
}

/** A place in another file. */
export interface OtherPlace {
  /** Absolute path. */
  readonly file: string;
  /** 0-based. */
  readonly line: number;
}

/** A problem at its place in the whole text. */
export interface Problem extends Finding {
  readonly range: Range;
  /** Index into the report's rows; undefined when the problem is not one row's, or the row's end is not known. */
  readonly row: number | undefined;
  /** The row at which something about the file is told. */
  readonly at?: number;
  /** The earlier row that this one repeats or contradicts. */
  readonly earlier?: Range;
  /** Where another file has what this row should not have. */
  readonly other?: OtherPlace;
  readonly trim?: readonly Range[];
  readonly rename?: { readonly range: Range; readonly name: string };
}

/** How many problems each check has found. */
export type ProblemCounts = Readonly<Partial<Record<CheckName, number>>>;

/** The numbers of the rows that checks have found something in, ascending. */
export type RowsByCheck = Readonly<Partial<Record<CheckName, Uint32Array>>>;

/** Pairs of one source, by the label its rows carry. */
export interface SourceCount {
  readonly name: string;
  readonly pairs: number;
  /** Fraction of its pairs of unequal lengths in which chosen is the longer response. */
  readonly chosenLonger: number;
}

/** What is known of a preference file as a whole. */
export interface FileSummary {
  /** The form of the first row that has one. */
  readonly form: DatasetForm | undefined;
  /** Pairs that can be trained on. */
  readonly pairs: number;
  /** Of all problems, whether they are listed or not. */
  readonly counts: ProblemCounts;
  readonly sources: readonly SourceCount[];
}

/** Everything that is known about a preference file's text. */
export interface CheckReport extends FileSummary {
  /** Where each row's JSON begins and ends, as indices into the text. */
  readonly rows: readonly Span[];
  /** False when rows are parts of one JSON text. */
  readonly onOwnLines: boolean;
  /** In the order of the text. */
  readonly problems: readonly Problem[];
}
