import * as vscode from 'vscode';

import { checkConfigName, CONFIG_SUFFIX } from '../../core/config-file/index.js';

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
    filters: { 'Run config': [CONFIG_SUFFIX.slice(1)] },
  });
  if (target !== undefined) checkConfigName(target.fsPath);
  return target;
}
