import * as vscode from 'vscode';

import type { Launcher } from '../panels/launch/launcher.js';
import type { Problems } from '../problems.js';
import { openTerminal } from './terminal.js';
import { setUpGpu, useFetchedLibrary } from './set-up-gpu.js';

/** The GPU brought into use, and a terminal with the command line. */
export function startGpu(context: vscode.ExtensionContext, launcher: Launcher, problems: Problems): vscode.Disposable {
  useFetchedLibrary(context);
  return vscode.Disposable.from(
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration('wishbone.gpu.library')) useFetchedLibrary(context);
    }),
    problems.command('wishbone.setUpGpu', () =>
      setUpGpu(context, () => {
        launcher.forgetDevices();
        void vscode.commands.executeCommand('wishbone.refreshDevices');
      }),
    ),
    problems.command('wishbone.openTerminal', () => openTerminal(context)),
  );
}
