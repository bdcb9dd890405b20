import * as vscode from 'vscode';

import type { Problems } from '../problems.js';
import { runCommand } from '../run-command.js';
import type { Runner } from '../runner/runner.js';
import { openTerminal } from './terminal.js';
import { setUpGpu, useFetchedLibrary } from './set-up-gpu.js';

/** The GPU brought into use, and a terminal with the command line. */
export function startGpu(context: vscode.ExtensionContext, runner: Runner, problems: Problems): vscode.Disposable {
  useFetchedLibrary(context);
  return vscode.Disposable.from(
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration('wishbone.gpu.library')) useFetchedLibrary(context);
    }),
    problems.command('wishbone.setUpGpu', () =>
      setUpGpu(context, () => {
        runner.forget();
        void runCommand('wishbone.refreshDevices');
      }),
    ),
    problems.command('wishbone.openTerminal', () => openTerminal(context)),
  );
}
