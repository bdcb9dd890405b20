import * as vscode from 'vscode';

import type { RunsHostMessage, RunsPageMessage, RunsPageState } from '../../../protocol/runs.js';
import { Panels } from '../panels.js';
import { isObject, isText } from '../../../protocol/values.js';
import { keepLook, RUNS, type RunsContext, type RunsLook, RunsPanel } from './runs-panel.js';

/** Menus pass other things. */
function isLook(value: unknown): value is RunsLook {
  return isObject(value) && isText(value['filter']) && (value['group'] === null || isText(value['group']));
}

/** Registers the command that shows the workspace's runs as a table, and brings the table back after a reload. */
export function startRunsTable(context: RunsContext): vscode.Disposable {
  const panels = new Panels<RunsPanel, RunsHostMessage, RunsPageMessage, RunsPageState>(RUNS, context, (page) => {
    panels.add(page, new RunsPanel(page, context));
  });
  return vscode.Disposable.from(
    panels,
    context.problems.command('wishbone.showRunsTable', async (look) => {
      if (isLook(look)) await keepLook(context.memory, look);
      const [open] = panels.all;
      if (open !== undefined) {
        open.page.panel.reveal();
        return isLook(look) ? open.show() : undefined;
      }
      const page = panels.newPage(RUNS.title);
      panels.add(page, new RunsPanel(page, context));
    }),
  );
}
