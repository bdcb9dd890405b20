import * as vscode from 'vscode';

import type { ArgumentsOf, CommandId } from './commands.js';

/** Runs a command of ours, as if it had been chosen in a menu: what goes wrong is shown by the command. */
export async function runCommand<C extends CommandId>(command: C, ...given: ArgumentsOf<C>): Promise<void> {
  await vscode.commands.executeCommand(command, ...given);
}
