import path from 'node:path';

import * as vscode from 'vscode';

import { modelChoices } from '../../../core/sample/chat/index.js';
import { readRun } from '../../../core/run/index.js';
import { pickModel } from '../../paths/pick-model.js';
import type { RecentPaths } from '../../paths/recent.js';
import { requireReadable } from '../../trust.js';
import type { AskedModel } from './chats.js';
import { choiceLabel } from './try-text.js';

/**
 * Asks for a model of another run.
 *
 * @param pickRun asks for the folder of a run
 * @throws WishboneError when it cannot be read
 */
export async function pickModelOfRun(pickRun: () => Promise<string | undefined>): Promise<AskedModel | undefined> {
  const folder = await pickRun();
  if (folder === undefined) return undefined;
  const { config } = await readRun(folder);
  const models = (await modelChoices(folder)).map((listed) => ({
    choice: listed.choice,
    label: choiceLabel(listed),
  }));
  const picked =
    models.length === 1
      ? models[0]
      : await vscode.window.showQuickPick(models, { title: `Models of ${config.name}`, placeHolder: 'Which model?', ignoreFocusOut: true });
  return picked && { choice: picked.choice, label: `${config.name}: ${picked.label}` };
}

/** Asks for any model folder. */
export async function pickModelFolder(recent: RecentPaths): Promise<AskedModel | undefined> {
  const picked = await pickModel(recent, { title: 'Model to Talk To' });
  if (picked === 'cancel') return undefined;
  const folder = path.resolve(picked.value);
  requireReadable(folder);
  return { choice: { kind: 'folder', folder }, label: path.basename(folder) };
}
