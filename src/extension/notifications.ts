import * as vscode from 'vscode';

import { type Divergence, divergences, headline } from '../core/history/index.js';
import { isActive } from '../core/run/index.js';
import { formatDuration, sentence } from '../format.js';
import type { RunPanels } from './panels/run/run-panels.js';
import { exportFolder } from './panels/run/view-model.js';
import { runCommand } from './run-command.js';
import { endsText, figuresText } from './run-text.js';
import type { LiveRun } from './runs/live-run.js';
import type { RunActions } from './runs/run-actions.js';
import type { RunStore } from './runs/run-store.js';
import { setting } from './settings.js';
import { isToldBySweep } from './sweeps/sweep-ends.js';
import { showError, showInformation, showWarning } from './messages.js';

const OPEN = 'Open Run';
const LOG = 'Show Log';
const RESUME = 'Resume';
const MODEL = 'Reveal Model';
const STOP = 'Stop Run';
const BEST = 'Export Best';
const STOP_BEST = 'Stop and Export Best';
const COMPARE = 'Compare';
const SHOW = 'Show Runs';
const SET_UP_GPU = 'Set Up GPU…';

/** Runs that end within this time of each other are told of together. */
const TOGETHER_MILLISECONDS = 1500;
const DUPLICATE = 'Duplicate with Changes…';

/** Tells of every run that ends while this window watches it; of many at once in one message, of those of a sweep once all have ended. */
export function notifyOfEnds(store: RunStore, actions: RunActions, panels: RunPanels): vscode.Disposable {
  let ended: LiveRun[] = [];
  let timer: NodeJS.Timeout | undefined;
  const tellAll = async (): Promise<void> => {
    const runs = ended;
    ended = [];
    timer = undefined;
    const [run] = runs;
    try {
      if (run !== undefined && runs.length === 1) await act(await tell(run), run, actions, panels);
      else if (runs.length > 1) await tellTogether(runs, panels);
    } catch (error) {
      await actions.problems.show(error);
    }
  };
  const subscription = store.onDidChange(({ run, change }) => {
    if (change.previous === undefined || !isActive(change.previous) || isActive(run.state) || run.gone) return;
    // What was taken out of a cluster's queue has never begun.
    if (run.state === 'planned') return;
    // Whoever starts a run tells of a start that fails.
    if (actions.starting.has(run.folder)) return;
    if (run.state === 'stopped' && actions.stoppingForBest.has(run.folder)) return;
    const isGood = run.state === 'finished' || run.state === 'stopped';
    if (isGood && !setting('notifications.runEnds', true)) return;
    void (isGood ? isToldBySweep(run.folder, (error) => actions.problems.log(error)) : Promise.resolve(false))
      .catch(() => false)
      .then((isTold) => {
        if (isTold) return;
        ended.push(run);
        clearTimeout(timer);
        timer = setTimeout(() => void tellAll(), TOGETHER_MILLISECONDS);
      });
  });
  return vscode.Disposable.from(subscription, new vscode.Disposable(() => clearTimeout(timer)));
}

async function tellTogether(runs: readonly LiveRun[], panels: RunPanels): Promise<void> {
  const text = endsText(runs.map(({ config, state }) => ({ name: config.name, state })));
  const isBad = runs.some(({ state }) => state === 'failed' || state === 'crashed');
  const show = isBad ? showError : showInformation;
  const choice = await show(text, SHOW, COMPARE);
  if (choice === SHOW) await vscode.commands.executeCommand('wishbone.runs.focus');
  else if (choice === COMPARE) await panels.show(...runs.map(({ folder }) => folder));
}

/** Tells of every run that seems to diverge while this window watches it; of each sign once. */
export function notifyOfDivergence(store: RunStore, actions: RunActions, panels: RunPanels): vscode.Disposable {
  const told = new WeakMap<LiveRun, Set<Divergence['kind']>>();
  return store.onDidChange(({ run }) => {
    // What happened before the window was opened is for the run's panel to say.
    if (run.state !== 'running' || run.history.phase !== 'train') return;
    const before = told.get(run);
    const known = before ?? new Set();
    told.set(run, known);
    for (const sign of divergences(run.history)) {
      if (known.has(sign.kind)) continue;
      known.add(sign.kind);
      if (before === undefined || !setting('notifications.divergence', true)) continue;
      void warn(run, sign, actions, panels).catch((error: unknown) => actions.problems.show(error));
    }
  });
}

async function warn(run: LiveRun, { kind, what, advice }: Divergence, actions: RunActions, panels: RunPanels): Promise<void> {
  const text = `${run.config.name}: ${what}. ${sentence(advice)}.`;
  const stop = kind === 'overfitting' && run.best?.kept === true ? STOP_BEST : STOP;
  const choice = await showWarning(text, OPEN, stop, DUPLICATE);
  if (choice === STOP) await actions.stop(run.folder);
  else if (choice === STOP_BEST) await actions.stopAndExportBest(run);
  else if (choice === DUPLICATE) await runCommand('wishbone.duplicateRun', run.folder);
  else await act(choice, run, actions, panels);
}

function tell(run: LiveRun): Thenable<string | undefined> {
  const { name } = run.config;
  const { terminal } = run.history;
  const best = run.best?.kept === true && run.best.folder === undefined && run.best.step !== run.history.step ? [BEST] : [];
  switch (terminal?.type) {
    case 'finished': {
      const figures = headline(run.history);
      const text = `${name} finished in ${formatDuration(terminal.seconds)}${figures === undefined ? '' : `: ${figuresText(figures)}`}.`;
      return showInformation(text, OPEN, ...best, ...(exportFolder(run) === undefined ? [] : [MODEL]));
    }
    case 'stopped':
      return showInformation(`${name} stopped after step ${terminal.step}.`, OPEN, ...best, RESUME);
    case 'failed':
      return showError(
        `${name} failed: ${terminal.what}. Where: ${terminal.where}. ${sentence(terminal.advice)}.`,
        OPEN,
        LOG,
        /cublaslt/i.test(terminal.what) ? SET_UP_GPU : run.sameCause ? DUPLICATE : RESUME,
      );
    default:
      return showError(`${name} crashed: ${run.crash?.exit ?? 'the runner is no longer running'}.`, OPEN, LOG, RESUME);
  }
}

async function act(choice: string | undefined, run: LiveRun, actions: RunActions, panels: RunPanels): Promise<void> {
  switch (choice) {
    case OPEN:
      return panels.show(run.folder);
    case LOG:
      return actions.showLog(run.folder);
    case MODEL:
      return actions.reveal(exportFolder(run) ?? run.folder);
    case SET_UP_GPU:
      return runCommand('wishbone.setUpGpu');
    case DUPLICATE:
      return runCommand('wishbone.duplicateRun', run.folder);
    case BEST:
      return actions.exportBest(run.folder, run.config.name);
    case RESUME:
      await actions.resume(run);
      return panels.show(run.folder);
  }
}
