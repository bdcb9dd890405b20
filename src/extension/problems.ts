import { stat } from 'node:fs/promises';

import * as vscode from 'vscode';

import { WishboneError } from '../core/errors.js';
import type { CommandId } from './commands.js';
import { errorLine, type Location, locations } from './error-text.js';
import { showError } from './messages.js';

/** Tells people of errors: a message without a dialog, the whole story in the output channel. */
export class Problems implements vscode.Disposable {
  readonly #channel = vscode.window.createOutputChannel('Wishbone', { log: true });

  dispose(): void {
    this.#channel.dispose();
  }

  /** Registers a command whose errors are shown here. */
  command(id: CommandId, run: (...given: unknown[]) => Promise<void>): vscode.Disposable {
    return vscode.commands.registerCommand(id, async (...given: unknown[]) => {
      try {
        await run(...given);
      } catch (error) {
        // Not awaited: the message stays until it is read, the command is over now.
        void this.show(error);
      }
    });
  }

  /** For what fails in the background, where a message would only disturb. */
  log(error: unknown): void {
    this.#channel.error(error instanceof WishboneError ? error.format() : error instanceof Error ? error : String(error));
  }

  /**
   * Shows an error with what can be done about it.
   *
   * @param actions labels of further buttons, in order
   * @returns the button of `actions` that was pressed, or undefined
   */
  async show(error: unknown, ...actions: readonly string[]): Promise<string | undefined> {
    this.log(error);
    if (!(error instanceof WishboneError)) {
      const message = error instanceof Error ? error.message : String(error);
      const choice = await showError(`Internal error in Wishbone: ${message}`, SHOW_DETAILS);
      if (choice === SHOW_DETAILS) this.#channel.show();
      return undefined;
    }
    const location = await findLocation(error.where);
    const open = location === undefined ? [] : [location.line === undefined ? 'Open File' : `Open File at Line ${location.line}`];
    const text = errorLine(error, (where) => vscode.workspace.asRelativePath(where));
    const choice = await showError(`Wishbone: ${text}`, ...open, ...actions);
    if (location !== undefined && choice === open[0]) await openLocation(location);
    return choice !== undefined && actions.includes(choice) ? choice : undefined;
  }

  /** Opens the file that an error names, at its line. */
  async open(error: unknown): Promise<void> {
    const location = error instanceof WishboneError ? await findLocation(error.where) : undefined;
    if (location !== undefined) await openLocation(location);
  }
}

const SHOW_DETAILS = 'Show Details';

async function findLocation(where: string): Promise<Location | undefined> {
  for (const location of locations(where)) {
    const isFile = await stat(location.file).then(
      (info) => info.isFile(),
      () => false,
    );
    if (isFile) return location;
  }
  return undefined;
}

async function openLocation({ file, line }: Location): Promise<void> {
  const uri = vscode.Uri.file(file);
  if (line === undefined) {
    // Not always text: `vscode.open` finds the fitting editor.
    await vscode.commands.executeCommand('vscode.open', uri);
    return;
  }
  const position = new vscode.Position(line - 1, 0);
  await vscode.window.showTextDocument(uri, { selection: new vscode.Range(position, position), preview: false });
}
