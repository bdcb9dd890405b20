import * as vscode from 'vscode';

import { readTryPageState } from '../../../protocol/try.js';
import { pageOptions } from '../page.js';
import type { Problems } from '../../problems.js';
import { ensureTrusted } from '../../trust.js';
import { KeptTries } from './kept-tries.js';
import { type TryContext, TryPanel } from './try-panel.js';

const VIEW_TYPE = 'wishbone.try';

/**
 * The command that tries a trained model; panels that were open when the window was closed come back.
 *
 * @param pick the folder of a finished run: that of what was given, else one that is asked for
 */
export function startTry(
  { extensionUri, workspaceState }: vscode.ExtensionContext,
  problems: Problems,
  pick: (given: unknown) => Promise<string | undefined>,
): vscode.Disposable {
  const context: TryContext = { extensionUri, kept: new KeptTries(workspaceState), problems };
  const open = new Map<string, TryPanel>();
  const attach = (panel: vscode.WebviewPanel, folder: string): void => {
    const made = new TryPanel(panel, context, folder);
    open.set(folder, made);
    panel.onDidDispose(() => {
      if (open.get(folder) === made) open.delete(folder);
      made.dispose();
    });
  };
  return vscode.Disposable.from(
    problems.command('wishbone.tryRun', async (given) => {
      const folder = await pick(given);
      if (folder === undefined || !(await ensureTrusted())) return;
      const known = open.get(folder);
      if (known !== undefined) return known.panel.reveal();
      attach(vscode.window.createWebviewPanel(VIEW_TYPE, 'Try It', vscode.ViewColumn.Active, pageOptions(extensionUri)), folder);
    }),
    vscode.window.registerWebviewPanelSerializer(VIEW_TYPE, {
      async deserializeWebviewPanel(panel, state: unknown) {
        panel.webview.options = pageOptions(extensionUri);
        const folder = readTryPageState(state)?.folder;
        if (folder === undefined) panel.dispose();
        else attach(panel, folder);
      },
    }),
    new vscode.Disposable(() => open.forEach((panel) => panel.dispose())),
  );
}
