import path from 'node:path';

import * as vscode from 'vscode';

import { fileOf } from '../rows/rows-scheme.js';

/** The absolute path that a command was given: as such, as an address, or as an item of the Datasets or Runs view. */
export function givenPath(argument: unknown): string | undefined {
  if (argument instanceof vscode.Uri) return fileOf(argument);
  if (typeof argument === 'object' && argument !== null) {
    if ('file' in argument) return givenPath(argument.file);
    if ('folder' in argument) return givenPath(argument.folder);
    return undefined;
  }
  return typeof argument === 'string' && path.isAbsolute(argument) ? argument : undefined;
}
