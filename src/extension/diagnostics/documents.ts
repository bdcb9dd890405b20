import * as vscode from 'vscode';

import type { Range, Span } from '../../core/checks/index.js';

/** VS Code gives up on larger files by itself at 50 MB; long before that every edit would cost too much. */
export const MOST_CHARACTERS = 20_000_000;

/** Where preference files are shown and what is offered for them. */
export const SELECTOR: vscode.DocumentSelector = [
  { scheme: 'file', pattern: '**/*.{jsonl,json}' },
  { scheme: 'untitled', language: 'jsonl' },
  { scheme: 'untitled', language: 'json' },
];

/** True for documents that may be preference files by name or language. */
export function mayBePreferences(document: vscode.TextDocument): boolean {
  return vscode.languages.match(SELECTOR, document) > 0;
}

/** True when a document is read as `.json` files are. */
export function isJsonFile({ fileName, isUntitled, languageId }: vscode.TextDocument): boolean {
  return isUntitled ? languageId === 'json' : /\.json$/i.test(fileName);
}

/** Whether the settings want a document to be checked. */
export function isWanted(document: vscode.TextDocument): boolean {
  const settings = vscode.workspace.getConfiguration('wishbone.diagnostics', document.uri);
  if (!settings.get<boolean>('enable', true)) return false;
  const exclude = settings.get<unknown>('exclude');
  const patterns = Array.isArray(exclude) ? exclude.filter((pattern) => typeof pattern === 'string') : [];
  return !patterns.some((pattern) => vscode.languages.match({ pattern }, document) > 0);
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
