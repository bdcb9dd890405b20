import * as vscode from 'vscode';

import type { CheckOptions } from '../../core/checks/index.js';
import { fileOf } from '../rows/rows-scheme.js';
import { EXCLUDED } from '../datasets/find-datasets.js';
import { patternsOf } from './documents.js';
import type { ModelChoice } from './model-choice.js';

const DEFAULT_LENGTH = 1024;
const MOST_EVAL_FILES = 20;

/**
 * What the settings and the workspace say a document is checked with.
 *
 * @param models undefined: no tokens are counted, so no model is looked for
 */
export async function checkOptions(uri: vscode.Uri, models: ModelChoice | undefined): Promise<CheckOptions> {
  const settings = vscode.workspace.getConfiguration('wishbone.diagnostics', uri);
  const maxLength = settings.get<unknown>('maxLength');
  const isLength = typeof maxLength === 'number' && Number.isSafeInteger(maxLength) && maxLength > 0;
  return {
    model: fileOf(uri) !== undefined || uri.scheme === 'untitled' ? await models?.folderFor(uri) : undefined,
    maxLength: isLength ? maxLength : DEFAULT_LENGTH,
    evalFiles: await evalFiles(patternsOf(settings.get('evalFiles'))),
  };
}

/** The files that patterns name; undefined without patterns: names tell. */
async function evalFiles(patterns: readonly string[]): Promise<string[] | undefined> {
  if (patterns.length === 0) return undefined;
  const found = await Promise.all(patterns.map((pattern) => vscode.workspace.findFiles(pattern, EXCLUDED, MOST_EVAL_FILES)));
  return [...new Set(found.flat().map(({ fsPath }) => fsPath))].sort();
}

export function optionsEqual(a: CheckOptions, b: CheckOptions): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
