import * as vscode from 'vscode';

import { CONFIG_SUFFIX, isConfigFile, readConfigFile } from '../../core/config-file/index.js';
import { EXCLUDED } from '../datasets/find-datasets.js';
import type { LaunchPanels } from '../panels/launch/launch-panels.js';
import { showInformation } from '../messages.js';

export const CONFIG_FILES: vscode.DocumentSelector = { scheme: 'file', pattern: `**/*${CONFIG_SUFFIX}` };

const MOST_CONFIGS = 200;

/**
 * Opens the launch form with a run config's settings.
 *
 * @param given its address; without one it is that of the editor, else it is asked for
 * @throws WishboneError for the first thing that is wrong in the file, with its line
 */
export async function launchConfigFile(forms: LaunchPanels, given: unknown): Promise<void> {
  const uri = given instanceof vscode.Uri ? given : (configOfEditor() ?? (await pickConfig()));
  if (uri === undefined) return;
  // What counts is what stands in the editor.
  const open = vscode.workspace.textDocuments.find((document) => document.uri.toString() === uri.toString());
  if (open?.isDirty && !(await open.save())) return;
  await forms.launchConfig(await readConfigFile(uri.fsPath));
}

function configOfEditor(): vscode.Uri | undefined {
  const uri = vscode.window.activeTextEditor?.document.uri;
  return uri?.scheme === 'file' && isConfigFile(uri.fsPath) ? uri : undefined;
}

async function pickConfig(): Promise<vscode.Uri | undefined> {
  const found = await vscode.workspace.findFiles(`**/*${CONFIG_SUFFIX}`, EXCLUDED, MOST_CONFIGS);
  const items = found.map((uri) => ({ label: vscode.workspace.asRelativePath(uri), uri })).sort((a, b) => a.label.localeCompare(b.label));
  if (items.length === 0) {
    void showInformation(
      `No run config (*${CONFIG_SUFFIX}) in this workspace. Create a file with such a name: the editor completes all its fields.`,
    );
    return undefined;
  }
  const picked = await vscode.window.showQuickPick(items, { title: 'Run Config', placeHolder: 'The run config to launch from' });
  return picked?.uri;
}
