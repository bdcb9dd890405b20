import path from 'node:path';

import * as vscode from 'vscode';

import { checkConfigName, CONFIG_SUFFIX, configText, type RunOptions, sectionsOf } from '../../core/config-file/index.js';

/** What a launch form holds, as far as a run config can say it. */
export interface FormSettings {
  readonly options: RunOptions;
  /** Id of the preset the form began with; empty for none. */
  readonly preset: string;
  readonly name: string;
  /** Absolute paths; empty where none was chosen. */
  readonly dataset: string;
  readonly evalDataset: string;
  readonly model: string;
}

/** Writes a run config where somebody wants it, and opens it. VS Code itself asks before it replaces a file. */
export async function saveConfig(settings: FormSettings): Promise<void> {
  const { options, dataset, model } = settings;
  const preset = settings.preset === '' ? undefined : settings.preset;
  const folder = vscode.workspace.workspaceFolders?.find(({ uri }) => uri.scheme === 'file')?.uri.fsPath ?? path.dirname(dataset);
  const name = path.basename(dataset).replace(/\..*$/, '') || 'run';
  const target = await chooseConfig(path.join(folder, `${name}${CONFIG_SUFFIX}`));
  if (target === undefined) return;
  const given = (text: string): string | undefined => (text === '' ? undefined : text);
  const text = configText(
    {
      name: given(settings.name),
      preset,
      model: given(model),
      dataset: given(dataset),
      eval_dataset: given(settings.evalDataset),
      ...sectionsOf(options, preset),
    },
    path.dirname(target.fsPath),
  );
  await vscode.workspace.fs.writeFile(target, Buffer.from(text));
  await vscode.window.showTextDocument(target, { preview: false });
}

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
