import { compareRows, type ComparedRow } from './compare-rows.js';
import { KnownRows } from './known-rows.js';
import { LineIndex } from './line-index.js';
import { checkRow, type RowCheck } from './row.js';
import { type Slices, sliceRows } from './slice.js';
import type { CheckReport, Problem, Span } from './types.js';

/** How long the event loop waits for checks at a time, in milliseconds. */
const sliceOfTime = 15;
/** Rows between two looks at the clock. */
const rowsPerLook = 16;

/**
 * Checks a text again and again while it is edited. What a row's text comes to is kept, so that an edit costs the
 * checks of the rows it touched and a look at all others.
 */
export class PreferenceChecker {
  private known = new KnownRows([], []);

  /** @param isJsonFile whether the file's name ends in `.json` */
  constructor(private readonly isJsonFile: boolean) {}

  /**
   * @param text the whole file
   * @param signal ends the work early
   * @returns undefined when `signal` ended it
   */
  async check(text: string, signal?: AbortSignal): Promise<CheckReport | undefined> {
    const slices = sliceRows(text, this.isJsonFile);
    const texts = slices.rows.map(({ start, end }) => text.slice(start, end));
    this.known.compare(texts);
    const checks: RowCheck[] = [];
    let pauseAt = performance.now() + sliceOfTime;
    for (const [index, row] of texts.entries()) {
      const check = this.known.find(index, row) ?? checkRow(row);
      checks.push(check);
      if (!check.isJson && !slices.onOwnLines) break;
      if (checks.length % rowsPerLook !== 0 || performance.now() < pauseAt) continue;
      await new Promise(setImmediate);
      if (signal?.aborted === true) {
        // What has been found is not lost on whoever comes next.
        this.known = this.known.after(texts, checks);
        return undefined;
      }
      pauseAt = performance.now() + sliceOfTime;
    }
    // Only what the text holds now is kept.
    this.known = new KnownRows(texts, checks);
    return report(text, slices, texts, checks);
  }
}

function report(text: string, slices: Slices, texts: readonly string[], checks: readonly RowCheck[]): CheckReport {
  const lines = new LineIndex(text);
  const rows = checks.map((check, index): ComparedRow => {
    const span = slices.rows[index] as Span;
    return { check, text: texts[index] as string, span, line: lines.position(span.start).line };
  });
  const { form, pairs, problems: byRow, ofFile } = compareRows(rows);
  const problems = ofFile.map((finding): Problem => {
    return { ...finding, range: lines.range(lines.lineSpan(rows[0]?.span.start ?? 0, text)), row: undefined };
  });
  byRow.forEach((found, row) => {
    const { span, check } = rows[row] as ComparedRow;
    const placed = ({ start, end }: Span) => lines.range({ start: span.start + start, end: span.start + end });
    // Where a malformed row ends is a guess when rows are not lines.
    const isWhole = check.isJson || slices.onOwnLines;
    for (const { check: name, what, advice, span: at, trim, earlier } of found) {
      problems.push({
        check: name,
        what,
        advice,
        range: placed(at),
        row: isWhole ? row : undefined,
        ...(earlier === undefined ? {} : { earlier: lines.range((rows[earlier] as ComparedRow).span) }),
        ...(trim === undefined ? {} : { trim: trim.map(placed) }),
      });
    }
  });
  const endsEarly = checks.length < slices.rows.length || checks.at(-1)?.isJson === false;
  if (slices.fault !== undefined && !(endsEarly && !slices.onOwnLines)) {
    problems.push({
      check: 'malformed-row',
      what: `not JSON: ${slices.fault.what}`,
      advice: 'correct it; nothing after it can be read',
      range: lines.range(slices.fault.span),
      row: undefined,
    });
  }
  return { form, pairs, rows: rows.map(({ span }) => span), problems };
}
