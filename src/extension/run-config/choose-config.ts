import * as vscode from 'vscode';

import { checkConfigName } from '../../core/config-file/index.js';

/** The last part of the suffix only: VS Code's own dialog adds a longer one to names that have it. */
export const CONFIG_FILTERS = { 'Run config': ['json'] };

/**
 * Asks where a run config is to be; undefined when it was given up.
 *
 * @param suggested absolute
 * @throws WishboneError for a name that is none of a run config
 */
export async function chooseConfig(suggested: string): Promise<vscode.Uri | undefined> {
  const target = await vscode.window.showSaveDialog({
    title: 'Run Config',
    defaultUri: vscode.Uri.file(suggested),
    filters: CONFIG_FILTERS,
  });
  if (target !== undefined) checkConfigName(target.fsPath);
  return target;
}
