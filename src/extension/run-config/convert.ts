import path from 'node:path';

import * as vscode from 'vscode';

import { convertConfig, convertedName, recogniseConfig, type Source } from '../../core/convert/index.js';
import { plural } from '../../format.js';
import { chooseConfig } from './choose-config.js';
import { showInformation } from '../messages.js';
import { writeWhole } from '../write-whole.js';

/**
 * Makes a run config of a TRL or LLaMA-Factory YAML and opens it. Nothing is overwritten without VS Code's own question.
 *
 * @param given the YAML's address; without one it is that of the editor, else it is asked for
 * @throws WishboneError for a file that is no such YAML
 */
export async function convertConfigFile(given: unknown): Promise<void> {
  const source = given instanceof vscode.Uri ? given : (yamlOfEditor() ?? (await chooseYaml()));
  if (source === undefined) return;
  const document = await vscode.workspace.openTextDocument(source);
  const from = await chooseSource(document.getText(), source.fsPath);
  if (from === undefined) return;
  const devices = await askDevices();
  if (devices === undefined) return;
  const suggested = convertedName(source.fsPath);
  // Before it is asked where to: what cannot be converted needs no place.
  convertConfig(document.getText(), source.fsPath, suggested, { devices, from: from.source });
  const target = (await exists(suggested)) ? await chooseConfig(suggested) : vscode.Uri.file(suggested);
  if (target === undefined) return;
  const { text, carried, notes } = convertConfig(document.getText(), source.fsPath, target.fsPath, {
    devices,
    from: from.source,
  });
  await writeWhole(target, text);
  await vscode.window.showTextDocument(target, { preview: false });
  const lost = notes.filter(({ kind }) => kind === 'lost').length;
  const rest = lost === 0 ? 'nothing was lost' : `${plural(lost, 'setting')} could not be carried over: see the top of the file`;
  void showInformation(`${plural(carried, 'setting')} of ${path.basename(source.fsPath)} carried over; ${rest}.`);
}

function yamlOfEditor(): vscode.Uri | undefined {
  const uri = vscode.window.activeTextEditor?.document.uri;
  return uri?.scheme === 'file' && /\.ya?ml$/i.test(uri.fsPath) ? uri : undefined;
}

async function chooseYaml(): Promise<vscode.Uri | undefined> {
  const chosen = await vscode.window.showOpenDialog({
    title: 'TRL or LLaMA-Factory Config',
    openLabel: 'Convert',
    filters: { YAML: ['yaml', 'yml'], 'All files': ['*'] },
  });
  return chosen?.[0];
}

/** Trainers as people know them. */
const TRAINERS: readonly (vscode.QuickPickItem & { readonly source: Source })[] = [
  { source: 'trl-dpo', label: 'DPO', description: 'TRL, DPOConfig' },
  { source: 'trl-orpo', label: 'ORPO', description: 'TRL, ORPOConfig' },
  { source: 'trl-cpo', label: 'CPO or SimPO', description: 'TRL, CPOConfig' },
  { source: 'simpo', label: 'SimPO', description: "its authors' recipes, with gamma_beta_ratio" },
  { source: 'llama-factory', label: 'LLaMA-Factory', description: 'stage: dpo' },
];

/**
 * The trainer that the file is for, which is asked where the file does not say it; what it was taken for stands first.
 * Undefined when it was given up.
 *
 * @throws WishboneError for a file of none of them
 */
async function chooseSource(text: string, file: string): Promise<{ readonly source: Source | undefined } | undefined> {
  const { source, assumed } = recogniseConfig(text, file);
  if (assumed === undefined) return { source: undefined };
  const first = TRAINERS.filter((one) => one.source === source);
  return vscode.window.showQuickPick([...first, ...TRAINERS.filter((one) => one.source !== source)], {
    title: 'Trainer of the Config',
    placeHolder: `Which trainer is ${path.basename(file)} for? Its settings fit several.`,
  });
}

/** The YAML's batch size is per device; undefined when it was given up. */
async function askDevices(): Promise<number | undefined> {
  const typed = await vscode.window.showInputBox({
    title: 'Devices of the Config',
    prompt: 'How many GPUs was it meant for? Its batch size is per device; here it counts the whole step.',
    value: '1',
    validateInput: (text) => (/^[1-9]\d{0,4}$/.test(text.trim()) ? undefined : 'A whole number above 0'),
  });
  return typed === undefined ? undefined : Number(typed.trim());
}

async function exists(file: string): Promise<boolean> {
  return Promise.resolve(vscode.workspace.fs.stat(vscode.Uri.file(file))).then(
    () => true,
    () => false,
  );
}
