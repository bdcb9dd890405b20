import * as vscode from 'vscode';

import { commandLink } from '../commands.js';

/** Above the first line of a run config: the way to a run. */
export class ConfigLenses implements vscode.CodeLensProvider {
  provideCodeLenses(document: vscode.TextDocument): vscode.CodeLens[] {
    const top = new vscode.Range(0, 0, 0, 0);
    const launch = commandLink('$(play) Launch Run from Config…', 'wishbone.launchConfig', document.uri);
    return [new vscode.CodeLens(top, launch)];
  }
}
