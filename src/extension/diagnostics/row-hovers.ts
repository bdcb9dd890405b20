import path from 'node:path';

import * as vscode from 'vscode';

import { rowCharacters, rowTurns } from '../../core/checks/index.js';
import { WishboneError } from '../../core/errors.js';
import type { CommandId } from '../commands.js';
import { fileOf } from '../rows/rows-scheme.js';
import type { DatasetDiagnostics } from './dataset-diagnostics.js';
import { characterTable, tokenTable, turnLines } from './row-text.js';
import { rowUnder } from './rows.js';

const CHOOSE: CommandId = 'wishbone.chooseTokenModel';
const INSPECT: CommandId = 'wishbone.inspectMasks';

/** Over a row: its tokens, what sharing saves, what is said in it, and the way to its bin. */
export class RowHovers implements vscode.HoverProvider {
  constructor(readonly diagnostics: DatasetDiagnostics) {}

  async provideHover(
    document: vscode.TextDocument,
    position: vscode.Position,
    token: vscode.CancellationToken,
  ): Promise<vscode.Hover | undefined> {
    const state = this.diagnostics.stateOf(document.uri);
    if (state.kind !== 'checked') return undefined;
    const row = rowUnder(document, state.report, position);
    if (row === undefined) return undefined;
    const { model, maxLength } = state.options;
    const text = new vscode.MarkdownString();
    text.isTrusted = { enabledCommands: [CHOOSE, INSPECT] };
    let counted = false;
    if (model !== undefined) {
      try {
        const [tokens] = await this.diagnostics.tokens(model, maxLength, [row.text]);
        if (tokens === undefined || tokens.pairs.length === 0) return undefined;
        text.appendMarkdown(`${tokenTable(tokens)}\n\n`);
        counted = true;
      } catch (error) {
        if (!(error instanceof WishboneError)) throw error;
        text.appendText(`Tokens cannot be counted: ${error.what}.`).appendMarkdown('\n\n');
      }
    }
    if (!counted) {
      const characters = rowCharacters(row.text);
      if (characters === undefined) return undefined;
      text.appendMarkdown(`${characterTable(characters)}\n\n`);
    }
    if (token.isCancellationRequested) return undefined;
    const turns = rowTurns(row.text);
    for (const { who, what } of turns === undefined ? [] : turnLines(turns)) {
      // Never as Markdown: it is the file's own text.
      text.appendMarkdown('**').appendText(who).appendMarkdown('**').appendText(` ${what}`).appendMarkdown('\n\n');
    }
    if (row.number !== undefined && fileOf(document.uri) !== undefined) {
      text.appendMarkdown(`[Show the bin of this row](${link(INSPECT, fileOf(document.uri), row.number)}) · `);
    }
    text.appendMarkdown(`[${model === undefined ? 'Choose a model to count tokens' : 'Model'}](${link(CHOOSE)})`);
    if (model !== undefined) text.appendText(`: ${path.basename(model)}`);
    // Without a range: all of a row would be shaded.
    return new vscode.Hover(text);
  }
}

function link(command: string, ...argument: readonly unknown[]): string {
  return `command:${command}?${encodeURIComponent(JSON.stringify(argument))}`;
}
