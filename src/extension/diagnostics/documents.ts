import * as vscode from 'vscode';

import type { DocumentReport, Range, Span } from '../../core/checks/index.js';
import { isPlainKind } from '../../core/dataset/file-kinds.js';
import { ROWS_SCHEME } from '../rows/rows-scheme.js';

export { LARGE_BYTES } from '../../core/checks/large.js';

/** Where preference files are shown and what is offered for them. */
export const SELECTOR: vscode.DocumentSelector = [
  { scheme: 'file', pattern: '**/*.{jsonl,json}' },
  { scheme: 'untitled', language: 'jsonl' },
  { scheme: 'untitled', language: 'json' },
  { scheme: ROWS_SCHEME },
];

/** Preference files that are tables in text. */
export const TABLES: vscode.DocumentSelector = { scheme: 'file', pattern: '**/*.{csv,tsv}' };
/** Columns that every table of preferences has, of which a run is told by no option. */
const HEADER = /(^|[",\t])(chosen|rejected)([",\t]|$)/;

/** True for documents that may be tables of preferences, by name and header. */
export function isTable(document: vscode.TextDocument): boolean {
  return vscode.languages.match(TABLES, document) > 0 && HEADER.test(document.lineAt(0).text);
}

/** True for documents that may be preference files by name or language. */
export function mayBePreferences(document: vscode.TextDocument): boolean {
  return vscode.languages.match(SELECTOR, document) > 0;
}

/** The file that a tab shows as text, when it may be a preference file by its name. */
export function fileOfTab({ input }: vscode.Tab): vscode.Uri | undefined {
  if (!(input instanceof vscode.TabInputText) || input.uri.scheme !== 'file') return undefined;
  return isPlainKind(input.uri.path, 'jsonl', 'json') ? input.uri : undefined;
}

/** True when a document is read as `.json` files are. */
export function isJsonFile({ fileName, isUntitled, languageId }: vscode.TextDocument): boolean {
  return isUntitled ? languageId === 'json' : isPlainKind(fileName, 'json');
}

/** Whether the settings want a document to be checked. */
export function isWanted(uri: vscode.Uri): boolean {
  const settings = vscode.workspace.getConfiguration('wishbone.diagnostics', uri);
  if (!settings.get<boolean>('enable', true)) return false;
  // A document that was never saved has no path that a pattern could mean; the rows of a packed file are asked for by opening it.
  if (uri.scheme === 'untitled' || uri.scheme === ROWS_SCHEME) return true;
  const matches = (name: string): boolean =>
    patternsOf(settings.get(name)).some((pattern) => vscode.languages.match({ pattern }, asDocument(uri)) > 0);
  return matches('include') && !matches('exclude');
}

/** What is matched of a document; VS Code matches patterns with documents alone, and a large file has none. */
function asDocument(uri: vscode.Uri): vscode.TextDocument {
  return { uri, fileName: uri.fsPath, languageId: '' } as vscode.TextDocument;
}

/** A setting's list of glob patterns, without what a person may have written that is none. */
export function patternsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((pattern) => typeof pattern === 'string') : [];
}

/** Length of a document in characters, without making a copy of it. */
export function lengthOf(document: vscode.TextDocument): number {
  return document.offsetAt(document.lineAt(document.lineCount - 1).range.end);
}

/** A range of the checks as VS Code's. */
export function rangeOf({ start, end }: Range): vscode.Range {
  return new vscode.Range(start.line, start.character, end.line, end.character);
}

/** The range of a stretch of a document's text. */
export function rangeAt(document: vscode.TextDocument, { start, end }: Span): vscode.Range {
  return new vscode.Range(document.positionAt(start), document.positionAt(end));
}

/** Where a row's JSON begins and ends; undefined for a row that is not there. */
export function rowSpan({ rows }: Pick<DocumentReport, 'rows'>, row: number): Span | undefined {
  const [start, end] = [rows[2 * row], rows[2 * row + 1]];
  return start === undefined || end === undefined ? undefined : { start, end };
}

/** Number of the row that a place in the text is in; undefined between rows. */
export function rowAt(report: Pick<DocumentReport, 'rows'>, offset: number): number | undefined {
  let low = 0;
  let high = report.rows.length / 2 - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((report.rows[2 * middle] as number) <= offset) low = middle;
    else high = middle - 1;
  }
  const span = rowSpan(report, low);
  return span !== undefined && span.start <= offset && offset <= span.end ? low : undefined;
}
