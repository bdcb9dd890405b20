import * as vscode from 'vscode';

import { clearCache } from './extension/cache.js';
import { startDiagnostics } from './extension/diagnostics/start.js';
import { DatasetSummaries } from './extension/datasets/summaries.js';
import { createExample, showCreatedExample } from './extension/example/create-example.js';
import { startGpu } from './extension/gpu/start.js';
import { Launcher } from './extension/panels/launch/launcher.js';
import { followMilestones } from './extension/milestones.js';
import { notifyOfDivergence, notifyOfEnds } from './extension/notifications.js';
import { openRun } from './extension/open-run.js';
import { RunPanels } from './extension/panels/run/run-panels.js';
import { startPlanViews } from './extension/panels/plan/start.js';
import { Problems } from './extension/problems.js';
import { startRunConfigs } from './extension/run-config/start.js';
import { startRows } from './extension/rows/start.js';
import { RunActions } from './extension/runs/run-actions.js';
import { RunStore } from './extension/runs/run-store.js';
import { followSettings } from './extension/settings.js';
import { RunStatusBar } from './extension/status-bar.js';
import { startSpeedup } from './extension/panels/speedup/start.js';
import { startViews } from './extension/views/start.js';

export function activate(context: vscode.ExtensionContext): void {
  const problems = new Problems();
  // First: others ask what it has set.
  const settings = followSettings();
  const store = new RunStore(problems);
  const actions = new RunActions(store, problems);
  const panels = new RunPanels(context.extensionUri, store, actions, problems);
  const summaries = new DatasetSummaries(context, problems);
  const launcher = new Launcher(context, actions, panels, summaries, problems);
  context.subscriptions.push(
    problems,
    store,
    panels,
    launcher,
    summaries,
    settings,
    new RunStatusBar(store),
    notifyOfEnds(store, actions, panels),
    notifyOfDivergence(store, actions, panels),
    followMilestones(context, store),
    startRows(problems),
    startDiagnostics(context, problems),
    startPlanViews(context, store, problems),
    startRunConfigs(launcher, problems),
    startGpu(context, launcher, problems),
    startSpeedup(launcher, store, problems),
    startViews(context.workspaceState, store, actions, panels, launcher, summaries, problems),
    problems.command('wishbone.launchRun', (dataset) => launcher.launch(dataset)),
    problems.command('wishbone.createExample', () => createExample(context)),
    problems.command('wishbone.clearCache', clearCache),
    problems.command('wishbone.openRun', (folder, how) => openRun(store, panels, folder, how)),
  );
  store.findActive();
  showCreatedExample(context).catch((error: unknown) => problems.log(error));
}
