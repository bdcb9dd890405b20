import { setImmediate as nextTurn } from 'node:timers/promises';
import { InOrder, rowBatches } from '../work/batches.js';
import { placeProblem, invalidUtf8, SLICE_OF_TIME, type Surroundings } from './checker.js';
import { RowComparer } from './compare-rows.js';
import { addCounts } from './counts.js';
import { type FileLine, fileLines } from './file-lines.js';
import { ProblemList } from './problem-list.js';
import type { RowCheck } from './row.js';
import { rowWorker, type RowWorker } from './rows-worker.js';
import type { FileSummary, Problem, Span } from './types.js';

/** How far the check of a file has come, and what it has found. */
export interface FileReport extends FileSummary {
  /** The weightiest, in the order of the file; with one on the first line that says how many others there are. */
  readonly problems: readonly Problem[];
  readonly rows: number;
  /** Bytes of the file worked through. */
  readonly bytes: number;
  readonly isDone: boolean;
}

export interface FileCheckOptions {
  readonly signal?: AbortSignal;
  readonly around?: Pick<Surroundings, 'prompts'>;
  readonly mostRows?: number;
  /** By default this thread, and rows as they read themselves. */
  readonly rowsBy?: RowWorker;
  readonly pause?: () => Promise<void>;
}

/** Milliseconds until the first report, and at most between two; in between every one waits longer than the last. */
const FIRST_REPORT = 50;
const LONGEST_WAIT = 5000;

/**
 * Checks a file of JSON lines from disk, however large: rows are read as a stream and let go again, what is kept of each
 * is the hash of its pair. What is found in the first rows is told at once, the rest as it comes.
 *
 * @param options.rowsBy who looks at rows, without a model
 * @param options.mostRows ends after so many rows, as if the file did
 * @param options.pause awaited every few milliseconds; must let other events of this thread through
 * @throws the error of the file system, or the signal's reason once it has aborted
 */
export async function* checkFile(
  file: string,
  { signal, around = {}, mostRows = Infinity, pause = nextTurn, rowsBy }: FileCheckOptions = {},
): AsyncGenerator<FileReport> {
  const comparer = new RowComparer(around.prompts);
  const list = new ProblemList();
  let rows = 0;
  let bytes = 0;
  const report = (isDone: boolean): FileReport => {
    const { form, pairs, sources, findings } = comparer;
    // What all rows tell together may be another thing after each: it is no part of the list.
    const start = { line: 0, character: 0 };
    const ofFile = findings.map((finding): Problem => {
      return { ...finding, range: { start, end: { line: 0, character: 1 } }, row: undefined };
    });
    const { more, problems } = list;
    for (const { row, span, ...finding } of comparer.leftOut) {
      const [line, indent] = [comparer.lineOf(row), indents.get(row) ?? 0];
      const range = { start: { line, character: indent + span.start }, end: { line, character: indent + span.end } };
      ofFile.push({ ...finding, range, row: undefined, at: row });
    }
    const counts = addCounts([list.counts, ...ofFile.map(({ check }) => ({ [check]: 1 }))]);
    return { form, pairs, sources, counts, rows, bytes, isDone, problems: [...(more ? [more] : []), ...ofFile, ...problems] };
  };
  /** Of the rows that do not begin their line. */
  const indents = new Map<number, number>();
  let wait = FIRST_REPORT;
  let reportAt = performance.now() + wait;
  let pauseAt = performance.now() + SLICE_OF_TIME;
  const by = rowsBy ?? (await rowWorker({ settings: {}, onOwnLines: true, model: undefined, maxLength: Infinity }, 0));
  const batches = new InOrder<readonly (readonly [FileLine, RowCheck])[]>(by.width, (checked) => {
    for (const [{ text, line, indent, isUtf8, end }, check] of checked) {
      if (indent > 0) indents.set(rows, indent);
      const found = comparer.add({ check, text, line, more: isUtf8 ? [] : [invalidUtf8(text)] });
      bytes = end;
      for (const problem of found) {
        const placed = (span: Span): Problem['range'] => ({
          start: { line, character: indent + span.start },
          end: { line, character: indent + span.end },
        });
        list.add(placeProblem(problem, rows, placed, (row) => startOf(comparer.lineOf(row))));
      }
      rows++;
    }
  });
  const check = async (lines: readonly FileLine[]): Promise<readonly (readonly [FileLine, RowCheck])[]> => {
    const checked = await by.check(lines.map(({ text }) => text));
    return checked.map((row, at) => [lines[at] as FileLine, row.check]);
  };
  for await (const lines of rowBatches(first(mostRows, fileLines(file, signal)), by.batch, ({ text }) => text)) {
    await batches.begin(check(lines));
    const now = performance.now();
    if (now >= reportAt) {
      yield report(false);
      wait = Math.min(2 * wait, LONGEST_WAIT);
      reportAt = performance.now() + wait;
    }
    if (now < pauseAt) continue;
    await pause();
    signal?.throwIfAborted();
    pauseAt = performance.now() + SLICE_OF_TIME;
  }
  await batches.end();
  yield report(true);
}

async function* first(most: number, lines: AsyncIterable<FileLine>): AsyncGenerator<FileLine> {
  let count = 0;
  for await (const line of lines) {
    yield line;
    if (++count >= most) return;
  }
}

function startOf(line: number): Problem['range'] {
  return { start: { line, character: 0 }, end: { line, character: 0 } };
}
