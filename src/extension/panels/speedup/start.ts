import * as vscode from 'vscode';

import type { SpeedupHostMessage, SpeedupPageMessage, SpeedupPageState } from '../../../protocol/speedup.js';
import { Panels } from '../panels.js';
import { SPEEDUP, type SpeedupContext, SpeedupPanel } from './speedup-panel.js';

/** The command that opens the speedup panel. Panels that were open when the window was closed come back. */
export function startSpeedup(context: SpeedupContext): vscode.Disposable {
  const panels = new Panels<SpeedupPanel, SpeedupHostMessage, SpeedupPageMessage, SpeedupPageState>(SPEEDUP, context, (page, kept) => {
    panels.add(page, new SpeedupPanel(page, context, kept?.values ?? {}));
  });
  return vscode.Disposable.from(
    panels,
    context.problems.command('wishbone.showSpeedup', async (given) => {
      const { dataset = '', model = '' } = await context.paths.likely(given);
      const page = panels.newPage(SPEEDUP.title);
      panels.add(page, new SpeedupPanel(page, context, { dataset, model }));
    }),
  );
}
