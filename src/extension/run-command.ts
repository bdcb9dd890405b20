import * as vscode from 'vscode';

import type { ArgumentsOf, CommandId } from './commands.js';

/** Runs one of our commands as if it had been chosen from a menu. Errors are shown by the command itself. */
export async function runCommand<C extends CommandId>(command: C, ...given: ArgumentsOf<C>): Promise<void> {
  await vscode.commands.executeCommand(command, ...given);
}
