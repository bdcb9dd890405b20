import type * as vscode from 'vscode';

import type { CommandId } from '../commands.js';
import { showInformation } from '../messages.js';
import type { Problems } from '../problems.js';
import { wholeEntries } from './given-entries.js';

/** What a command of the menus of entries is. */
export interface EntryCommand {
  /** For one that takes several entries: those that are selected in the view. */
  readonly selected?: () => readonly unknown[];
  /** The view's title has it too. */
  readonly isOfTitle?: boolean;
}

/** Registers a command that menus of the Runs view's entries have. One that has lost what it was chosen on does nothing, and says so. */
export function entryCommand(
  problems: Problems,
  id: CommandId,
  run: (...given: unknown[]) => Promise<void>,
  { selected, isOfTitle = false }: EntryCommand = {},
): vscode.Disposable {
  return problems.command(id, async (...given) => {
    const whole = wholeEntries(given, { isOfTitle, ...(selected && { selected: selected() }) });
    if (whole === undefined) void showInformation('The runs were drawn anew meanwhile. Please choose again.');
    else await run(...whole);
  });
}
