import { RowComparer, type ComparedProblem } from './compare-rows.js';
import { KnownRows } from './known-rows.js';
import type { PromptIndex } from './leakage.js';
import { LineIndex } from './line-index.js';
import { markedSpan } from './mark.js';
import { ProblemList } from './problem-list.js';
import { checkRow, type RowCheck } from './row.js';
import type { RowSettings } from './row-pairs.js';
import { type Slices, sliceRows } from './slice.js';
import type { CheckReport, Problem, RowProblem, Span } from './types.js';

/** How long the event loop waits for checks at a time, in milliseconds. */
export const SLICE_OF_TIME = 15;
/** Rows between two looks at the clock. */
const ROWS_PER_LOOK = 16;

/** What is known about a text from elsewhere. */
export interface Surroundings {
  /** Rows, as they read, whose bytes in the file are no UTF-8. */
  readonly badBytes?: ReadonlySet<string> | undefined;
  /** Prompts of files that none of these rows may share one with. */
  readonly prompts?: readonly PromptIndex[] | undefined;
  /** What tokenising a row has found. */
  readonly tokens?: ((check: RowCheck) => readonly RowProblem[]) | undefined;
}

/** The rows of one version of a text, as far as they were checked. */
export interface CheckedRows {
  readonly text: string;
  readonly slices: Slices;
  readonly texts: readonly string[];
  readonly checks: readonly RowCheck[];
}

/**
 * Checks a text again and again while it is edited. What a row's text comes to is kept, so that an edit costs the
 * checks of the rows it touched and a look at all others.
 */
export class PreferenceChecker {
  readonly #isJsonFile: boolean;
  readonly #settings: RowSettings;
  #known = new KnownRows([], []);

  /**
   * @param isJsonFile whether the file's name ends in `.json`
   * @param settings how its rows are read
   */
  constructor(isJsonFile: boolean, settings: RowSettings = {}) {
    this.#isJsonFile = isJsonFile;
    this.#settings = settings;
  }

  /**
   * @param text the whole file
   * @param signal ends the work early
   * @returns undefined when `signal` ended it
   */
  async check(text: string, signal?: AbortSignal, around: Surroundings = {}): Promise<CheckReport | undefined> {
    const rows = await this.rows(text, signal);
    return rows === undefined ? undefined : reportOn(rows, around);
  }

  /** Checks each row by itself; `reportOn` compares them. */
  async rows(text: string, signal?: AbortSignal): Promise<CheckedRows | undefined> {
    const slices = sliceRows(text, this.#isJsonFile);
    const texts = slices.rows.map(({ start, end }) => text.slice(start, end));
    this.#known.compare(texts);
    const checks: RowCheck[] = [];
    let pauseAt = performance.now() + SLICE_OF_TIME;
    for (const [index, row] of texts.entries()) {
      const check = this.#known.find(index, row) ?? checkRow(row, this.#settings);
      checks.push(check);
      if (!check.isJson && !slices.onOwnLines) break;
      if (checks.length % ROWS_PER_LOOK !== 0 || performance.now() < pauseAt) continue;
      await new Promise(setImmediate);
      if (signal?.aborted === true) {
        // What has been found is not lost on whoever comes next.
        this.#known = this.#known.after(texts, checks);
        return undefined;
      }
      pauseAt = performance.now() + SLICE_OF_TIME;
    }
    // Only what the text holds now is kept.
    this.#known = new KnownRows(texts, checks);
    return { text, slices, texts, checks };
  }
}

/** Compares the rows of a text and puts everything found in its place. */
export function reportOn({ text, slices, texts, checks }: CheckedRows, around: Surroundings = {}): CheckReport {
  const lines = new LineIndex(text);
  const comparer = new RowComparer(around.prompts);
  const list = new ProblemList(Infinity);
  const spans = slices.rows;
  checks.forEach((check, row) => {
    const rowText = texts[row] as string;
    const span = spans[row] as Span;
    const found = comparer.add({
      check,
      text: rowText,
      line: lines.position(span.start).line,
      more: [...badBytes(rowText, around.badBytes), ...(around.tokens?.(check) ?? [])],
    });
    // Where a malformed row ends is a guess when rows are not lines.
    const isWhole = check.isJson || slices.onOwnLines;
    for (const problem of found) {
      const placed = (part: Span) => lines.range(within(span.start, part));
      list.add(placeProblem(problem, isWhole ? row : undefined, placed, (index) => lines.range(spans[index] as Span)));
    }
  });
  const endsEarly = checks.length < spans.length || checks.at(-1)?.isJson === false;
  // What the file as a whole tells is marked at the first name of its first row.
  const start = spans[0]?.start ?? 0;
  const first = lines.range(within(start, markedSpan(texts[0] ?? '', { start: 0, end: texts[0]?.length ?? 0 })));
  const ofFile = comparer.findings.map((finding): Problem => ({ ...finding, range: first, row: undefined }));
  for (const { row, span, ...finding } of comparer.leftOut) {
    ofFile.push({ ...finding, range: lines.range(within((spans[row] as Span).start, span)), row: undefined, at: row });
  }
  if (slices.fault !== undefined && !(endsEarly && !slices.onOwnLines)) {
    ofFile.push({
      check: 'malformed-row',
      what: `not JSON: ${slices.fault.what}`,
      advice: 'fix it; nothing after it can be read',
      range: lines.range(slices.fault.span),
      row: undefined,
    });
  }
  for (const problem of ofFile) list.add(problem);
  const { form, pairs, sources } = comparer;
  const { problems, counts } = list;
  return { form, pairs, sources, counts, rows: spans.slice(0, checks.length), onOwnLines: slices.onOwnLines, problems };
}

/** A row's problem at its place in the file. */
export function placeProblem(
  { check, what, advice, span, trim, rename, earlier, other }: ComparedProblem,
  row: number | undefined,
  placed: (span: Span) => Problem['range'],
  rangeOfRow: (row: number) => Problem['range'],
): Problem {
  return {
    check,
    what,
    advice,
    range: placed(span),
    row,
    ...(earlier === undefined ? {} : { earlier: rangeOfRow(earlier) }),
    ...(other === undefined ? {} : { other }),
    ...(trim === undefined ? {} : { trim: trim.map(placed) }),
    ...(rename === undefined ? {} : { rename: { range: placed(rename.span), name: rename.name } }),
  };
}

function within(start: number, span: Span): Span {
  return { start: start + span.start, end: start + span.end };
}

function badBytes(text: string, bad: ReadonlySet<string> | undefined): RowProblem[] {
  // Looking up a long text takes as long as reading it.
  return bad !== undefined && bad.size > 0 && bad.has(text) ? [invalidUtf8(text)] : [];
}

/** The problem of a row that reads as `text` because its bytes are no UTF-8. */
export function invalidUtf8(text: string): RowProblem {
  const at = Math.max(0, text.indexOf('\ufffd'));
  return {
    check: 'invalid-utf8',
    what: 'the bytes of this row in the file are not UTF-8',
    advice: 'convert the file to UTF-8 from its current encoding; saving it here keeps U+FFFD for what could not be read',
    span: { start: at, end: Math.min(at + 1, text.length) },
  };
}
