import { stat } from 'node:fs/promises';
import type { DatasetSource } from '../dataset/index.js';
import { type ColumnMap, mapColumns, usedColumns } from '../dataset/columns.js';
import { isFields } from '../dataset/fields.js';
import { readRows } from '../dataset/rows.js';
import { ByteSource, emptyFile } from '../dataset/source.js';
import { isWanted } from '../dataset/unread-columns.js';
import { ExitCode, WishboneError } from '../errors.js';
import { mostBytes, readPlain } from '../files/plain-file.js';
import { exactText } from '../exact-json/index.js';
import type { ThreadOptions } from '../transport/index.js';
import { InOrder, rowBatches } from '../work/batches.js';
import { Pace } from '../work/pace.js';
import type { WorkOptions } from '../work/progress.js';
import { badRowsIn } from './bytes.js';
import { reportOn } from './checker.js';
import { checkFile } from './file-checker.js';
import type { DatasetCheck, PlacedProblem } from './found.js';
import type { RowCheck } from './row.js';
import type { RowSettings } from './row-pairs.js';
import { type CheckedRow, rowWorker } from './rows-worker.js';
import { OtherFiles } from './service/other-files.js';
import { sliceRows } from './slice.js';
import { CHECK_SEVERITIES, type FileSummary, type Problem, type RowProblem } from './types.js';
import { isPlainKind } from '../dataset/file-kinds.js';

export interface DatasetCheckOptions extends WorkOptions {
  /** Model folder whose tokenizer and chat template rows are tried with; undefined: the text alone is checked. */
  readonly model?: string | undefined;
  /** Most tokens of a sequence. */
  readonly maxLength: number;
  /** Files for evaluation; undefined: told by the names beside the file. */
  readonly evalFiles?: readonly string[] | undefined;
  /** JSON lines of more bytes are checked as a stream, without tokens; as large as can be unless given. */
  readonly streamAbove?: number | undefined;
  /** How rows are divided among threads; with 0 of them they are checked in this one. */
  readonly threads?: ThreadOptions | undefined;
}

/** Larger JSON lines are checked as a stream, without tokens; nothing else of this size is checked. */
const MOST_BYTES = 256e6;

const others = new OtherFiles();

/** What is looked at of a source. */
export type CheckedSource = Pick<DatasetSource, 'path' | 'columns'> & RowSettings;

/**
 * Runs all checks of the editor (docs/diagnostics.md) over one file of a dataset, of any kind that can be trained on.
 *
 * @throws WishboneError for faults of the file or the model folder as a whole
 */
export async function checkDataset(source: CheckedSource, options: DatasetCheckOptions): Promise<DatasetCheck> {
  const { path: file, columns } = source;
  const bytes = await ByteSource.open(file);
  const isPlain = bytes.table === undefined && bytes.packing === undefined;
  const isText = isPlainKind(file, 'jsonl', 'json') && columns === undefined && isPlain;
  const { streamAbove = MOST_BYTES } = options;
  if (isText && isPlainKind(file, 'jsonl') && (await stat(file)).size > streamAbove) return streamed(source, options);
  if (!isText) return ofRows(source, bytes, options);
  const { text, badBytes } = await readText(file);
  const report = await checked(text, isPlainKind(file, 'json'), source, options, badBytes);
  if (report.rows === 0 && report.problems.length === 0) throw emptyFile(file);
  const place = ({ range, row }: Problem): Pick<PlacedProblem, 'line' | 'column' | 'row'> => ({
    line: range.start.line + 1,
    column: range.start.character + 1,
    ...(row === undefined ? {} : { row: row + 1 }),
  });
  return { ...report, file, problems: report.problems.map((problem) => ({ ...facts(problem), ...place(problem) })) };
}

/** The bytes are let go again before rows are checked. */
async function readText(file: string): Promise<{ readonly text: string; readonly badBytes: ReadonlySet<string> }> {
  const read = await readPlain(file, mostBytes.text);
  return { text: read.toString('utf8').replace(/^\ufeff/, ''), badBytes: await badRowsIn(file, read) };
}

/** Rows that are not lines of JSON are checked as if each was written as one, on the line where it stands. */
async function ofRows(source: CheckedSource, bytes: ByteSource, options: DatasetCheckOptions): Promise<DatasetCheck> {
  const { path: file, columns } = source;
  const lines: string[] = [];
  /** The number of each row that could be read. */
  const numbers: number[] = [];
  const unreadable: PlacedProblem[] = [];
  const pace = new Pace(options);
  const hasLines = bytes.table === undefined;
  let size = 0;
  for await (const row of readRows(bytes, { ...usedColumns(columns), needed: [], texts: isWanted })) {
    const { row: number, line = number + 1 } = row;
    if ('error' in row) {
      const { what, advice } = row.error;
      const check = what.startsWith('not UTF-8') ? 'invalid-utf8' : 'malformed-row';
      unreadable.push({ check, severity: 'error', what, advice, row: number + 1, ...(hasLines ? { line } : {}) });
    } else {
      const value = columns === undefined || !isFields(row.value) ? row.value : mapColumns(row.value, columns);
      const text = exactText(value);
      size += text.length;
      if (size > MOST_BYTES) throw tooLarge(file);
      while (lines.length < line - 1) lines.push('');
      lines.push(text);
      numbers.push(number);
    }
    await pace.item(() => ({ phase: 'check', done: bytes.bytesRead, total: bytes.size }));
  }
  if (lines.length === 0 && unreadable.length === 0) throw emptyFile(file);
  const report = await checked(lines.join('\n'), false, source, options, new Set());
  const found = report.problems.map((problem): PlacedProblem => {
    const line = problem.range.start.line + 1;
    const placed = { ...facts(problem), what: withColumn(problem.what, columns) };
    const shown = problem.row ?? problem.at;
    if (shown === undefined) return placed;
    const row = (numbers[shown] as number) + 1;
    if (hasLines) return { ...placed, line, ...(problem.row === undefined ? {} : { row }) };
    // Rows of such a file have no lines; each stood on the line of its number here.
    const what = problem.earlier === undefined ? placed.what : placed.what.replace(/\bline (\d+)/, 'row $1');
    return { ...placed, what, row };
  });
  const counts = { ...report.counts };
  for (const { check } of unreadable) counts[check] = (counts[check] ?? 0) + 1;
  const at = ({ line, row }: PlacedProblem): number => line ?? row ?? 0;
  const problems = [...unreadable, ...found].sort((a, b) => at(a) - at(b));
  return { ...report, file, counts, rows: report.rows + unreadable.length, problems };
}

type Checked = FileSummary & {
  readonly rows: number;
  readonly problems: readonly Problem[];
  readonly tokensChecked: boolean;
};

async function checked(
  text: string,
  isJsonFile: boolean,
  { path: file, form: given, tags, media }: CheckedSource,
  { model, maxLength, evalFiles, threads, ...work }: DatasetCheckOptions,
  badBytes: ReadonlySet<string>,
): Promise<Checked> {
  const prompts = await others.prompts(file, evalFiles);
  const slices = sliceRows(text, isJsonFile);
  const task = { settings: { form: given, tags, media }, onOwnLines: slices.onOwnLines, model, maxLength };
  const texts = slices.rows.map(({ start, end }) => text.slice(start, end));
  const checks: RowCheck[] = [];
  const tokens = new Map<RowCheck, readonly RowProblem[]>();
  const rows = await rowWorker(task, text.length, threads);
  try {
    const pace = new Pace(work);
    let isAtEnd = false;
    const batches = new InOrder<readonly CheckedRow[]>(rows.width, (done) => {
      for (const { check, tokens: found } of done) {
        checks.push(check);
        if (found.length > 0) tokens.set(check, found);
      }
      isAtEnd = !slices.onOwnLines && checks.at(-1)?.isJson === false;
      if (isAtEnd) batches.drop();
    });
    for await (const batch of rowBatches(texts, rows.batch, (row) => row)) {
      if (isAtEnd) break;
      await batches.begin(rows.check(batch));
      await pace.item(() => ({ phase: 'check', done: checks.length, total: texts.length }));
    }
    await batches.end();
    work.signal?.throwIfAborted();
  } finally {
    await rows.close();
  }
  const report = reportOn({ text, slices, texts, checks }, { badBytes, prompts, tokens: (check) => tokens.get(check) ?? [] });
  const { form, pairs, sources, counts, problems } = report;
  return { form, pairs, sources, counts, problems, rows: report.rows.length, tokensChecked: true };
}

async function streamed(
  { path: file, form: given, tags, media }: CheckedSource,
  { model, maxLength, evalFiles, threads, signal, onProgress }: DatasetCheckOptions,
): Promise<DatasetCheck> {
  const prompts = await others.prompts(file, evalFiles);
  const { size } = await stat(file);
  const settings = { form: given, tags, media };
  const rowsBy = await rowWorker({ settings, onOwnLines: true, model: undefined, maxLength }, size, threads);
  try {
    for await (const report of checkFile(file, { ...(signal ? { signal } : {}), around: { prompts }, rowsBy })) {
      onProgress?.({ phase: 'check', done: report.bytes, total: size });
      if (!report.isDone) continue;
      const { form, pairs, sources, counts, rows } = report;
      const problems = report.problems.map((problem) => ({
        ...facts(problem),
        line: problem.range.start.line + 1,
        column: problem.range.start.character + 1,
      }));
      return { form, pairs, sources, counts, rows, file, problems, tokensChecked: model === undefined };
    }
  } finally {
    await rowsBy.close();
  }
  throw new Error('a check ends with a report');
}

function facts({ check, what, advice, at, remedies }: Problem): Omit<PlacedProblem, 'line' | 'column' | 'row'> {
  const more = { ...(at === undefined ? {} : { isOfFile: true as const }), ...(remedies ? { remedies } : {}) };
  return { check, severity: CHECK_SEVERITIES[check], what, advice, ...more };
}

/** Of a field that the file has under another name, that name too: `field "prompt" (column "question") is empty`. */
function withColumn(what: string, columns: ColumnMap = {}): string {
  return what.replace(/\bfield "(\w+)[^"]*"/g, (named, field: string) => {
    const column = Object.hasOwn(columns, field) ? columns[field] : undefined;
    return column === undefined || column === null || column === field ? named : `${named} (column "${column}")`;
  });
}

function tooLarge(file: string): WishboneError {
  return new WishboneError(
    `the file holds more than ${MOST_BYTES / 1e6} MB of rows, too much to check at once`,
    file,
    'check a part of it, or write it as JSON lines (.jsonl), which are checked as a stream',
    ExitCode.badInput,
  );
}
