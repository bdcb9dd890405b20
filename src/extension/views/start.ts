import * as vscode from 'vscode';

import { reportedTo } from '../../core/trackers/index.js';
import { readJobRecord } from '../../core/slurm/index.js';
import { REMEDY_NAMES, withRemedy } from '../../core/why/remedies.js';
import type { JudgeCompletions } from '../judge/judge-completions.js';
import type { LaunchPanels } from '../panels/launch/launch-panels.js';
import type { RunPanels } from '../panels/run/run-panels.js';
import type { CommandId } from '../commands.js';
import type { Problems } from '../problems.js';
import { entryCommand } from '../runs/entry-command.js';
import type { RunActions } from '../runs/run-actions.js';
import { RunCatalog } from '../runs/run-catalog.js';
import { RunCommands } from '../runs/run-commands.js';
import type { RunStore } from '../runs/run-store.js';
import { startRunsTable } from '../panels/runs/start.js';
import { startTry } from '../panels/try/start.js';
import { SweepCatalog } from '../sweeps/sweep-catalog.js';
import { SweepCommands } from '../sweeps/sweep-commands.js';
import type { SweepStarter } from '../sweeps/sweep-starter.js';
import type { DatasetSummaries } from '../datasets/summaries.js';
import { DatasetsView } from './datasets-view.js';
import { DevicesView } from './devices-view.js';
import { RunsView } from './runs-view.js';

const WALKTHROUGH = 'wishbone.wishbone#start';

/** The view container: Runs, Datasets, Devices, and what can be done from there. Idle until a view is shown. */
export function startViews(
  context: vscode.ExtensionContext,
  store: RunStore,
  actions: RunActions,
  panels: RunPanels,
  forms: LaunchPanels,
  sweeper: SweepStarter,
  judge: JudgeCompletions,
  summaries: DatasetSummaries,
  problems: Problems,
): vscode.Disposable {
  const catalog = new RunCatalog(store, problems);
  const runs = new RunCommands(catalog, actions, panels);
  const sweeps = new SweepCatalog(store, problems);
  const runsView = new RunsView(catalog, sweeps, context.workspaceState, problems);
  const ofSweeps = new SweepCommands(
    sweeper,
    () => runsView.known(),
    () => sweeps.refresh(),
  );
  const datasets = new DatasetsView(summaries, problems);
  const devices = new DevicesView(problems);
  type Run = (...given: unknown[]) => Promise<void>;
  const ofEntry = (id: CommandId, run: Run): vscode.Disposable => entryCommand(problems, id, run);
  const selected = (): readonly unknown[] => runsView.selected;
  const ofEntries = (id: CommandId, run: Run): vscode.Disposable => entryCommand(problems, id, run, { selected });
  return vscode.Disposable.from(
    catalog,
    sweeps,
    runsView,
    datasets,
    devices,
    startRunsTable({ extensionUri: context.extensionUri, problems, catalog, commands: runs, memory: context.workspaceState }),
    startTry(context, problems, (item) => runs.toTry(item)),
    ofEntry('wishbone.renameRun', (item) => runs.rename(item)),
    ofEntries('wishbone.tagRun', (item, selection) => runs.tag(item, selection)),
    ofEntries('wishbone.stopRun', (item, selection) => runs.stop(item, selection)),
    problems.command('wishbone.showSweep', async (file) => {
      if (typeof file === 'string') await runsView.reveal(file);
    }),
    ofEntry('wishbone.showSweepTable', (item) => ofSweeps.showTable(item)),
    ofEntry('wishbone.pauseSweep', (item) => ofSweeps.pause(item)),
    ofEntry('wishbone.resumeSweep', (item) => ofSweeps.resume(item)),
    ofEntry('wishbone.retrySweep', (item) => ofSweeps.retry(item)),
    ofEntries('wishbone.skipTrial', (item, selection) => ofSweeps.skip(item, selection)),
    ofEntries('wishbone.firstTrial', (item, selection) => ofSweeps.first(item, selection)),
    ofEntry('wishbone.openSweepConfig', (item) => ofSweeps.openConfig(item)),
    ofEntry('wishbone.forgetSweep', (item) => ofSweeps.forget(item)),
    problems.command('wishbone.filterRuns', () => runsView.filter()),
    problems.command('wishbone.clearRunFilter', () => runsView.clearFilter()),
    problems.command('wishbone.sortRuns', () => runsView.sort()),
    entryCommand(problems, 'wishbone.compareRuns', (item, selection) => runs.compare(item, selection), { selected, isOfTitle: true }),
    ofEntry('wishbone.duplicateRun', async (item, remedy) => {
      const run = await runs.toDuplicate(item);
      if (run === undefined) return;
      // Menus pass other things.
      const name = REMEDY_NAMES.find((known) => known === remedy);
      const config = name === undefined ? run.config : withRemedy(name, run.config, run.steps ?? 0);
      forms.duplicate(config, (await readJobRecord(run.folder))?.target ?? '', await reportedTo(run.folder));
    }),
    problems.command('wishbone.showPairCurve', async (run, file, row, pair) => {
      const isPlace = typeof run === 'string' && typeof file === 'string' && typeof row === 'number' && typeof pair === 'number';
      if (isPlace) await panels.showCurve(run, file, row, pair);
    }),
    ofEntry('wishbone.judgeRun', async (item) => {
      const chosen = await runs.toJudge(item);
      if (chosen !== undefined) await judge.start(chosen.run, chosen.others);
    }),
    problems.command('wishbone.forgetJudgeKey', () => judge.forget()),
    ofEntry('wishbone.explainRun', (item) => runs.explain(item)),
    ofEntry('wishbone.resumeRun', (item) => runs.resume(item)),
    ofEntry('wishbone.exportBest', (item) => runs.exportBest(item)),
    ofEntry('wishbone.exportGguf', (item) => runs.exportGguf(item)),
    ofEntry('wishbone.trackRun', (item) => runs.track(item)),
    ofEntry('wishbone.pushRun', (item) => runs.push(item)),
    ofEntry('wishbone.revealRun', (item) => runs.reveal(item)),
    ofEntries('wishbone.deleteRun', (item, selection) => runs.delete(item, selection)),
    problems.command('wishbone.refreshRuns', async () => {
      await sweeps.refresh();
      await catalog.refresh();
    }),
    problems.command('wishbone.refreshDatasets', () => datasets.refresh()),
    problems.command('wishbone.refreshDevices', async () => devices.refresh()),
    problems.command('wishbone.getStarted', async () => {
      await vscode.commands.executeCommand('workbench.action.openWalkthrough', WALKTHROUGH, false);
    }),
  );
}
