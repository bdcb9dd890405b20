import * as vscode from 'vscode';

/** The command line that comes with this extension: a script of Node.js. */
export function commandLineFile(extensionUri: vscode.Uri): string {
  return vscode.Uri.joinPath(extensionUri, 'dist', 'cli.js').fsPath;
}

/** What runners of this window are told, those of the command line are told too. */
export function commandLineVariables(): Record<string, string> {
  const known = ['WISHBONE_CUBLASLT', 'WISHBONE_RUNNER'].flatMap((name) => {
    const value = process.env[name];
    return value === undefined || value === '' ? [] : [[name, value] as const];
  });
  const runner = vscode.workspace.getConfiguration('wishbone').get<unknown>('runner.path');
  return {
    ...Object.fromEntries(known),
    ...(typeof runner === 'string' && runner.trim() !== '' ? { WISHBONE_RUNNER: runner.trim() } : {}),
  };
}
