import * as vscode from 'vscode';

import type { TryHostMessage, TryPageMessage, TryPageState } from '../../../protocol/try.js';
import { recentModels } from '../../paths/recent.js';
import type { Problems } from '../../problems.js';
import { entryCommand } from '../../runs/entry-command.js';
import { ensureTrusted } from '../../trust.js';
import type { Page } from '../page.js';
import { Panels } from '../panels.js';
import { KeptChats } from './kept-chats.js';
import { TRY, type TryContext, TryPanel } from './try-panel.js';

/**
 * The command that opens a chat with a trained model. Panels that were open when the window was closed come back.
 *
 * @param pick returns the folder of a run: the given one, or else one that the user picks
 */
export function startTry(
  { extensionUri, workspaceState, globalState }: vscode.ExtensionContext,
  problems: Problems,
  pick: (given: unknown) => Promise<string | undefined>,
): vscode.Disposable {
  const context: TryContext = {
    ...{ extensionUri, problems, kept: new KeptChats(workspaceState), recent: recentModels({ globalState }) },
    pickRun: () => pick(undefined),
  };
  const add = (page: Page<TryHostMessage, TryPageMessage>, folder: string): void => {
    panels.add(page, new TryPanel(page, context, folder));
  };
  const panels = new Panels<TryPanel, TryHostMessage, TryPageMessage, TryPageState>(TRY, context, (page, kept) => {
    if (kept === undefined) page.panel.dispose();
    else add(page, kept.folder);
  });
  return vscode.Disposable.from(
    panels,
    entryCommand(problems, 'wishbone.tryRun', async (given) => {
      const folder = await pick(given);
      if (folder === undefined || !(await ensureTrusted())) return;
      const known = panels.all.find((panel) => panel.folder === folder);
      if (known !== undefined) return known.page.panel.reveal();
      add(panels.newPage(TRY.title), folder);
    }),
  );
}
