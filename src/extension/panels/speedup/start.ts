import * as vscode from 'vscode';

import { readSpeedupPageState } from '../../../protocol/speedup.js';
import type { Values } from '../../draft/read-draft.js';
import type { Launcher } from '../launch/launcher.js';
import { pageOptions } from '../page.js';
import type { Problems } from '../../problems.js';
import type { RunStore } from '../../runs/run-store.js';
import { SpeedupPanel } from './speedup-panel.js';

const VIEW_TYPE = 'wishbone.speedup';

/** The command that opens the speedup panel; one that was open when the window was closed comes back. */
export function startSpeedup(launcher: Launcher, store: RunStore, problems: Problems): vscode.Disposable {
  const open = new Set<SpeedupPanel>();
  const attach = (panel: vscode.WebviewPanel, values: Values): void => {
    const made = new SpeedupPanel(panel, launcher, store, values);
    open.add(made);
    panel.onDidDispose(() => {
      open.delete(made);
      made.dispose();
    });
  };
  return vscode.Disposable.from(
    problems.command('wishbone.showSpeedup', async (given) => {
      const { dataset = '', model = '' } = await launcher.likelyPaths(given);
      const options = pageOptions(launcher.extensionUri);
      attach(vscode.window.createWebviewPanel(VIEW_TYPE, 'Speedup', vscode.ViewColumn.Active, options), { dataset, model });
    }),
    vscode.window.registerWebviewPanelSerializer(VIEW_TYPE, {
      async deserializeWebviewPanel(panel, state: unknown) {
        panel.webview.options = pageOptions(launcher.extensionUri);
        attach(panel, readSpeedupPageState(state)?.values ?? {});
      },
    }),
    new vscode.Disposable(() => open.forEach((panel) => panel.dispose())),
  );
}
