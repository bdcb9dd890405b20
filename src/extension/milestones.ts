import * as vscode from 'vscode';

import { isActive } from '../core/run/index.js';
import type { RunStore } from './runs/run-store.js';

/** What somebody new to Wishbone does once. A step of the walkthrough is complete when its own was reached. */
export const MILESTONES = [
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
export const milestoneKey = (milestone: Milestone): string => `wishbone.done.${milestone}`;

const KEPT = 'milestones';

let memento: vscode.Memento | undefined;

/** Says what was reached in other windows, and notices what runs reach. */
export function followMilestones(context: vscode.ExtensionContext, store: RunStore): vscode.Disposable {
  memento = context.globalState;
  for (const milestone of reached()) setKey(milestone);
  return store.onDidChange(({ run, change }) => {
    if (isActive(run.state)) reach('runStarted');
    if (run.state === 'finished' && change.previous !== undefined) reach('runFinished');
  });
}

/** Notes that something was done. */
export function reach(milestone: Milestone): void {
  const before = reached();
  if (memento === undefined || before.includes(milestone)) return;
  setKey(milestone);
  // Windows forget their keys; what an extension keeps it finds again.
  void memento.update(KEPT, [...before, milestone]);
}

function reached(): Milestone[] {
  const kept = memento?.get<unknown>(KEPT);
  return Array.isArray(kept) ? MILESTONES.filter((milestone) => kept.includes(milestone)) : [];
}

function setKey(milestone: Milestone): void {
  void vscode.commands.executeCommand('setContext', milestoneKey(milestone), true);
}
