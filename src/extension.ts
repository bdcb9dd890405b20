import type * as vscode from 'vscode';

import { clearCache } from './extension/cache.js';
import { startDiagnostics } from './extension/diagnostics/start.js';
import { DatasetSummaries } from './extension/datasets/summaries.js';
import { forecastMeans } from './extension/draft/forecast-means.js';
import { createExample, showCreatedExample } from './extension/example/create-example.js';
import { startGpu } from './extension/gpu/start.js';
import { followMilestones } from './extension/milestones.js';
import { notifyOfDivergence, notifyOfEnds } from './extension/notifications.js';
import { openRun } from './extension/open-run.js';
import { JudgeCompletions } from './extension/judge/judge-completions.js';
import { KeptForms } from './extension/panels/launch/kept-forms.js';
import { LaunchPanels } from './extension/panels/launch/launch-panels.js';
import { startPlanViews } from './extension/panels/plan/start.js';
import { RunPanels } from './extension/panels/run/run-panels.js';
import { startSpeedup } from './extension/panels/speedup/start.js';
import { startTable } from './extension/panels/table/start.js';
import { PathChooser } from './extension/paths/path-chooser.js';
import { Problems } from './extension/problems.js';
import { startRunConfigs } from './extension/run-config/start.js';
import { startRows } from './extension/rows/start.js';
import { Runner } from './extension/runner/runner.js';
import { RunActions } from './extension/runs/run-actions.js';
import { RunStarter } from './extension/runs/run-starter.js';
import { RunStore } from './extension/runs/run-store.js';
import { followSettings } from './extension/settings.js';
import { RunStatusBar } from './extension/status-bar.js';
import { SweepStarter } from './extension/sweeps/sweep-starter.js';
import { followTrackers } from './extension/trackers/follow-trackers.js';
import { TrackerSettings } from './extension/trackers/tracker-settings.js';
import { startViews } from './extension/views/start.js';

export function activate(context: vscode.ExtensionContext): void {
  const problems = new Problems();
  // First: others ask what it has set.
  const settings = followSettings();
  const store = new RunStore(problems);
  const trackers = new TrackerSettings(context.secrets);
  const actions = new RunActions(store, problems, trackers);
  const panels = new RunPanels(context.extensionUri, store, actions, problems);
  const summaries = new DatasetSummaries(context, problems);
  const runner = new Runner();
  const paths = new PathChooser(context);
  const means = forecastMeans(runner, store);
  const { extensionUri } = context;
  const starter = new RunStarter(paths, actions, panels);
  const sweeper = new SweepStarter(extensionUri, trackers);
  const judge = new JudgeCompletions(paths, panels, context.secrets);
  const kept = new KeptForms(context.workspaceState);
  const forms = new LaunchPanels({ extensionUri, problems, runner, paths, means, starter, sweeps: sweeper, kept, summaries });
  context.subscriptions.push(
    problems,
    store,
    panels,
    summaries,
    runner,
    forms,
    settings,
    new RunStatusBar(store),
    notifyOfEnds(store, actions, panels),
    notifyOfDivergence(store, actions, panels),
    followTrackers(store, trackers, problems),
    followMilestones(context, store),
    startRows(problems),
    startTable(context, store, problems),
    startDiagnostics(context, problems),
    startPlanViews(context, store, problems),
    startRunConfigs(forms, problems),
    startGpu(context, runner, problems),
    startSpeedup({ extensionUri, problems, runner, paths, means, store }),
    startViews(context, store, actions, panels, forms, sweeper, judge, summaries, problems),
    problems.command('wishbone.launchRun', (dataset) => forms.launch(dataset)),
    problems.command('wishbone.launchSweep', (dataset) => forms.launch(dataset, { sweep: 'true' })),
    problems.command('wishbone.createExample', () => createExample(context)),
    problems.command('wishbone.setTrackerSecret', () => trackers.ask()),
    problems.command('wishbone.clearCache', clearCache),
    problems.command('wishbone.openRun', (folder, how) => openRun(store, panels, folder, how)),
  );
  store.findActive();
  showCreatedExample(context).catch((error: unknown) => problems.log(error));
}
