import path from 'node:path';

import * as vscode from 'vscode';

import { homeFolder } from '../../core/files/home-folder.js';
import { EXAMPLE_CONFIG, type ExampleTarget, freshFolder, lookAtTarget, writeExample } from '../../core/example/index.js';
import { plural } from '../../format.js';
import { reach } from '../milestones.js';
import { showInformation, showWarning } from '../messages.js';

/** Under which the folder is kept whose window is to show the example. */
const TO_SHOW = 'exampleToShow';
const NEW_FOLDER = 'Create in a New Folder';
const WRITE = 'Write into This Folder';
const OVERWRITE = 'Overwrite';
const OPEN = 'Open Folder';
const OPEN_NEW = 'Open in New Window';
/** Names of files that a question lists. */
const MOST_NAMED = 4;

/** Where the example lies in the package: `npm run build` puts it there. */
function sourceOf({ extensionPath }: vscode.ExtensionContext): string {
  return path.join(extensionPath, 'dist', 'example');
}

/**
 * Writes the example project into a folder of somebody's choice, and opens it or offers to. Nothing that is there is
 * touched without a question.
 *
 * @throws WishboneError when it cannot be written there
 */
export async function createExample(context: vscode.ExtensionContext): Promise<void> {
  const source = sourceOf(context);
  const chosen = await vscode.window.showOpenDialog({
    title: 'Folder for the Example Project',
    openLabel: 'Create Here',
    canSelectFiles: false,
    canSelectFolders: true,
    defaultUri: localFolders()[0] ?? vscode.Uri.file(homeFolder()),
  });
  if (chosen?.[0] === undefined) return;
  const folder = await settle(chosen[0].fsPath, await lookAtTarget(source, chosen[0].fsPath));
  if (folder === undefined) return;
  await writeExample(source, folder);
  reach('exampleCreated');
  await open(context, folder);
}

/** Shows the example where a window was opened for it. */
export async function showCreatedExample({ globalState }: vscode.ExtensionContext): Promise<void> {
  const folder = globalState.get<unknown>(TO_SHOW);
  if (typeof folder !== 'string' || !localFolders().some(({ fsPath }) => fsPath === folder)) return;
  await globalState.update(TO_SHOW, undefined);
  await show(folder);
}

/** Where it is written in the end; undefined when it was given up. */
async function settle(folder: string, { isEmpty, existing }: ExampleTarget): Promise<string | undefined> {
  if (isEmpty) return folder;
  const into = existing.length > 0 ? OVERWRITE : WRITE;
  const choice = await showWarning(
    `${path.basename(folder)} is not empty.`,
    { modal: true, detail: `${consequence(existing)} A new folder inside it leaves the rest alone.` },
    NEW_FOLDER,
    into,
  );
  if (choice === NEW_FOLDER) return freshFolder(folder);
  return choice === into ? folder : undefined;
}

function consequence(existing: readonly string[]): string {
  if (existing.length === 0) return 'The example files would be added to it; nothing would be overwritten.';
  const named = existing.slice(0, MOST_NAMED).join(', ');
  const more = existing.length > MOST_NAMED ? ' and others' : '';
  return `This would overwrite ${plural(existing.length, 'file')}: ${named}${more}.`;
}

async function open(context: vscode.ExtensionContext, folder: string): Promise<void> {
  if (localFolders().some(({ fsPath }) => folder === fsPath || folder.startsWith(fsPath + path.sep))) return show(folder);
  const uri = vscode.Uri.file(folder);
  // A window without a folder has nothing to lose.
  const isIdle = localFolders().length === 0 && !vscode.workspace.textDocuments.some(({ isDirty }) => isDirty);
  const choice = isIdle ? OPEN : await showInformation(`The example project is in ${folder}.`, OPEN, OPEN_NEW);
  if (choice === undefined) return;
  await context.globalState.update(TO_SHOW, folder);
  await vscode.commands.executeCommand('vscode.openFolder', uri, { forceNewWindow: choice === OPEN_NEW });
}

/** The run config stands for the whole: above its first line is the way to a run. */
async function show(folder: string): Promise<void> {
  await vscode.window.showTextDocument(vscode.Uri.file(path.join(folder, EXAMPLE_CONFIG)), { preview: false });
}

function localFolders(): vscode.Uri[] {
  return (vscode.workspace.workspaceFolders ?? []).map(({ uri }) => uri).filter(({ scheme }) => scheme === 'file');
}
