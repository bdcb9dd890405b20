import * as vscode from 'vscode';

import { checkConfigName } from '../../core/config-file/index.js';

/** For dialogs. Of the whole suffix, `wishbone.json`, some of them would append another one. */
export const CONFIG_FILTERS: Readonly<Record<string, string[]>> = { 'Run config': ['json'] };

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
