import * as vscode from 'vscode';

import type { RunsHostMessage, RunsPageMessage, RunsPageState } from '../../../protocol/runs.js';
import { Panels } from '../panels.js';
import { RUNS, type RunsContext, RunsPanel } from './runs-panel.js';

/** Registers the command that shows the workspace's runs as a table, and brings the table back after a reload. */
export function startRunsTable(context: RunsContext): vscode.Disposable {
  const panels = new Panels<RunsPanel, RunsHostMessage, RunsPageMessage, RunsPageState>(RUNS, context, (page) => {
    panels.add(page, new RunsPanel(page, context));
  });
  return vscode.Disposable.from(
    panels,
    context.problems.command('wishbone.showRunsTable', async () => {
      const [open] = panels.all;
      if (open !== undefined) return open.page.panel.reveal();
      const page = panels.newPage(RUNS.title);
      panels.add(page, new RunsPanel(page, context));
    }),
  );
}
