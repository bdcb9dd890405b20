import path from 'node:path';

import * as vscode from 'vscode';

import { type ConfigFile, CONFIG_SUFFIX, isConfigFile, locating, readConfigFile, resolveConfig } from '../../core/config-file/index.js';
import { WishboneError } from '../../core/errors.js';
import { inspectModel } from '../../core/model/index.js';
import { checkOptions } from '../../core/run/conflicts.js';
import { plural } from '../../format.js';
import { EXCLUDED } from '../datasets/find-datasets.js';
import type { Launcher } from '../launch/launcher.js';
import { ensureTrusted } from '../trust.js';

export const CONFIG_FILES: vscode.DocumentSelector = { scheme: 'file', pattern: `**/*${CONFIG_SUFFIX}` };

const MOST_CONFIGS = 200;

const START = 'Start Run';

/**
 * Opens the launch form with a run config's settings; a config with more than the form has fields for, a dataset of several
 * files, is started after a question.
 *
 * @param given its address; without one it is that of the editor, else it is asked for
 * @throws WishboneError for the first thing that is wrong in the file, with its line
 */
export async function launchConfigFile(launcher: Launcher, given: unknown): Promise<void> {
  const uri = given instanceof vscode.Uri ? given : (configOfEditor() ?? (await pickConfig()));
  if (uri === undefined) return;
  // What counts is what stands in the editor.
  const open = vscode.workspace.textDocuments.find((document) => document.uri.toString() === uri.toString());
  if (open?.isDirty && !(await open.save())) return;
  const config = await readConfigFile(uri.fsPath);
  if ([config.dataset, config.evalDataset].every(isOneFile)) await launcher.launchConfig(config);
  else await startConfig(launcher, config);
}

/** No list, no wildcard, no entry of a list of datasets, no weight. */
function isOneFile(dataset: readonly string[] | undefined): boolean {
  return dataset === undefined || (dataset.length === 1 && !/[*?[{#]|:[\d.]+$/.test(path.basename(dataset[0] as string)));
}

async function startConfig(launcher: Launcher, config: ConfigFile): Promise<void> {
  const { dataset, evalDataset, model: folder, name } = config;
  const missing = dataset === undefined ? 'dataset' : folder === undefined ? 'model' : undefined;
  if (dataset === undefined || folder === undefined)
    throw new WishboneError(`the run config names no ${missing}`, config.file, `add "${missing}" to it`);
  const options = resolveConfig(config);
  locating(config, () => checkOptions(options, evalDataset !== undefined || options.plan.eval_fraction > 0));
  if (!(await ensureTrusted())) return;
  const model = await inspectModel(folder);
  const files = dataset.map((file) => vscode.workspace.asRelativePath(file)).join('\n');
  const answer = await vscode.window.showInformationMessage(
    `Start a run from ${path.basename(config.file)}?`,
    { modal: true, detail: `Model: ${path.basename(model.folder)}\n${plural(dataset.length, 'dataset')}:\n${files}` },
    START,
  );
  if (answer === START) await launcher.start({ dataset, evalDataset, model, name, ...options });
}

function configOfEditor(): vscode.Uri | undefined {
  const uri = vscode.window.activeTextEditor?.document.uri;
  return uri?.scheme === 'file' && isConfigFile(uri.fsPath) ? uri : undefined;
}

async function pickConfig(): Promise<vscode.Uri | undefined> {
  const found = await vscode.workspace.findFiles(`**/*${CONFIG_SUFFIX}`, EXCLUDED, MOST_CONFIGS);
  const items = found
    .map((uri) => ({ label: vscode.workspace.asRelativePath(uri), uri }))
    .sort((a, b) => a.label.localeCompare(b.label));
  if (items.length === 0) {
    void vscode.window.showInformationMessage(
      `There is no run config (*${CONFIG_SUFFIX}) in this workspace. A new file of such a name has completion for all its fields.`,
    );
    return undefined;
  }
  const picked = await vscode.window.showQuickPick(items, { title: 'Run Config', placeHolder: 'The config to launch a run from' });
  return picked?.uri;
}
