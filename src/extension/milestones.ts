import * as vscode from 'vscode';

import { isActive } from '../core/run/index.js';
import type { RunStore } from './runs/run-store.js';

/** What somebody new to Wishbone does once. A step of the walkthrough is complete when its own was reached. */
const MILESTONES = [
  'exampleCreated',
  'datasetOpened',
  'devicesSeen',
  'runStarted',
  'runFinished',
  'completionTried',
  'speedupMeasured',
] as const;
export type Milestone = (typeof MILESTONES)[number];

/** The context key that a walkthrough's `onContext:` names. */
const milestoneKey = (milestone: Milestone): string => `wishbone.done.${milestone}`;

const KEPT = 'milestones';

/** Tabs that a walkthrough is in. */
const WALKTHROUGH_TAB = /walkthrough|welcome|get started/i;
/** After a walkthrough was opened VS Code reads it in its own time. */
const READY_MILLISECONDS = [300, 2000];

let memento: vscode.Memento | undefined;

/** Says what was reached in other windows, and notices what runs reach. */
export function followMilestones(context: vscode.ExtensionContext, store: RunStore): vscode.Disposable {
  memento = context.globalState;
  tellAll();
  let timers: NodeJS.Timeout[] = [];
  return vscode.Disposable.from(
    store.onDidChange(({ run, change }) => {
      if (isActive(run.state)) reach('runStarted');
      if (run.state === 'finished' && change.previous !== undefined) reach('runFinished');
    }),
    vscode.window.tabGroups.onDidChangeTabs(({ opened }) => {
      if (!opened.some(({ label }) => WALKTHROUGH_TAB.test(label))) return;
      timers.forEach(clearTimeout);
      timers = READY_MILLISECONDS.map((time) => setTimeout(tellAll, time));
    }),
    new vscode.Disposable(() => timers.forEach(clearTimeout)),
  );
}

/** Notes that something was done. */
export function reach(milestone: Milestone): void {
  const before = reached();
  if (memento === undefined || before.includes(milestone)) return;
  tell(milestone);
  void memento.update(KEPT, [...before, milestone]);
}

function reached(): Milestone[] {
  const kept = memento?.get<unknown>(KEPT);
  return Array.isArray(kept) ? MILESTONES.filter((milestone) => kept.includes(milestone)) : [];
}

function tellAll(): void {
  for (const milestone of reached()) tell(milestone);
}

/**
 * Has the walkthrough mark a step. VS Code marks it when its key becomes true, and never when it is true already as it reads
 * the walkthrough, which in most windows is when that is first opened. So a key is true for a moment only, and once more when
 * the walkthrough was opened; what is marked stays.
 */
function tell(milestone: Milestone): void {
  const set = (value: true | undefined): Thenable<unknown> => vscode.commands.executeCommand('setContext', milestoneKey(milestone), value);
  void set(true).then(() => set(undefined));
}
