import path from 'node:path';

import * as vscode from 'vscode';

import { type ConfigFile, CONFIG_SUFFIX, optionChanges, parseConfigFile } from '../../core/config-file/index.js';
import { findSources } from '../../core/dataset/index.js';
import { WishboneError } from '../../core/errors.js';
import type { OptionPath } from '../../core/options/index.js';
import { EXCLUDED } from '../datasets/find-datasets.js';
import type { LaunchPanels } from '../panels/launch/launch-panels.js';
import { showInformation } from '../messages.js';

const MOST_CONFIGS = 200;

/** A run config that trains on a file, as it stands in the editor or on disk. */
interface Candidate {
  readonly uri: vscode.Uri;
  readonly text: string;
}

/**
 * Gives runs on a preference file another option: in the run configs of the workspace that train on it, as an edit that can
 * be undone; where there is none, in a launch form that is opened with it. Says which it was.
 *
 * @param given the file, the name of a plan option, its value
 */
export async function setPlanOption(forms: LaunchPanels, given: readonly unknown[]): Promise<void> {
  const [uri, name, value] = given;
  if (!(uri instanceof vscode.Uri) || typeof name !== 'string' || (typeof value !== 'string' && typeof value !== 'number')) return;
  const option = `plan.${name}` as OptionPath;
  const checked = option === 'plan.max_length' ? await checkWith(uri, Number(value)) : '';
  const configs = await choose(await configsOf(uri.fsPath));
  if (configs === undefined) return;
  if (configs.length === 0) {
    await forms.launch(uri, { [option]: String(value) });
    if (checked !== '') void showInformation(checked);
    return;
  }
  const edit = new vscode.WorkspaceEdit();
  for (const config of configs) {
    const document = await vscode.workspace.openTextDocument(config.uri);
    for (const { offset, length, content } of optionChanges(document.getText(), option, value)) {
      edit.replace(config.uri, new vscode.Range(document.positionAt(offset), document.positionAt(offset + length)), content);
    }
  }
  await vscode.workspace.applyEdit(edit);
  for (const config of configs) await vscode.window.showTextDocument(config.uri, { preview: false });
  const names = configs.map((config) => path.basename(config.uri.fsPath)).join(', ');
  void showInformation(`${name} is now ${value} in ${names} (not saved yet).${checked === '' ? '' : ` ${checked}`}`);
}

/** The checks of the file go by a setting of their own; they would go on to say what a run no longer does. */
async function checkWith(uri: vscode.Uri, maxLength: number): Promise<string> {
  const settings = vscode.workspace.getConfiguration('wishbone.diagnostics', uri);
  if (vscode.workspace.workspaceFolders === undefined) return '';
  await settings.update('maxLength', maxLength, vscode.ConfigurationTarget.Workspace);
  return `The checks in this workspace use it too (wishbone.diagnostics.maxLength).`;
}

async function configsOf(file: string): Promise<Candidate[]> {
  const found = await vscode.workspace.findFiles(`**/*${CONFIG_SUFFIX}`, EXCLUDED, MOST_CONFIGS);
  const candidates: Candidate[] = [];
  for (const uri of found.sort((a, b) => a.fsPath.localeCompare(b.fsPath))) {
    const open = vscode.workspace.textDocuments.find((document) => document.uri.toString() === uri.toString());
    const text = open?.getText() ?? Buffer.from(await vscode.workspace.fs.readFile(uri)).toString('utf8');
    if (await trainsOn(uri, text, file)) candidates.push({ uri, text });
  }
  return candidates;
}

/** A config with something wrong in it is left alone: the editor says what. */
async function trainsOn(uri: vscode.Uri, text: string, file: string): Promise<boolean> {
  try {
    const config: ConfigFile = parseConfigFile(text, uri.fsPath);
    const names = [...(config.dataset ?? []), ...(config.evalDataset ?? [])];
    return names.length > 0 && (await findSources(names)).some((source) => source.path === file);
  } catch (error) {
    if (error instanceof WishboneError) return false;
    throw error;
  }
}

/** Which of several; undefined when it was given up. */
async function choose(configs: readonly Candidate[]): Promise<readonly Candidate[] | undefined> {
  if (configs.length < 2) return configs;
  const items = configs.map((config) => ({ label: vscode.workspace.asRelativePath(config.uri), config, picked: true }));
  const picked = await vscode.window.showQuickPick(items, { title: 'Run Configs to Change', canPickMany: true });
  return picked === undefined || picked.length === 0 ? undefined : picked.map(({ config }) => config);
}
