// A workspace without a folder of runs: what comes to be there later is shown, by whomever and however fast it is made.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { readLabels } from '../../src/core/run/index.js';
import { eventLine, startLine, stepLine } from '../unit/run/support.js';
import { LaunchForm } from './support/form.js';
import { makeRun } from './support/made-runs.js';
import { runsIn } from './support/runs.js';
import { Session } from './support/session.js';
import { until, type Workbench } from './support/workbench.js';

const cli = resolve(import.meta.dirname, '../../dist/cli.js');
const finished = startLine({ steps: 1 }) + stepLine(1, { steps: 1 }) + eventLine('finished', { steps: 1, seconds: 1 });

let session: Session;
let workbench: Workbench;

before(async () => {
  session = await Session.start();
  workbench = session.workbench;
  await workbench.open(session.url);
  await workbench.command('Wishbone: Focus on Runs View');
  await isEmpty();
});

after(async () => {
  await workbench?.screenshot('fresh-last').catch(() => undefined);
  await session?.stop();
});

async function rows(): Promise<string[]> {
  const texts = await workbench.page.locator('.part.sidebar .pane:has(.pane-header[aria-label^="Runs"]) .monaco-list-row').allInnerTexts();
  return texts.map((text) => text.replaceAll('\n', ' '));
}

function shows(what: RegExp): Promise<true> {
  return until(`the view shows ${what.source}`, async () => (await rows()).some((row) => what.test(row)));
}

function isEmpty(): Promise<true> {
  return until('the view has no run', async () => {
    const welcome = workbench.page.locator('.part.sidebar .welcome-view-content', { hasText: 'No runs in this workspace yet' });
    return (await welcome.isVisible()) && (await rows()).length === 0;
  });
}

/** As it was in the beginning. */
async function empty(): Promise<void> {
  await rm(join(session.workspace, '.wishbone'), { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  await isEmpty();
}

/** Runs the command line as in a terminal of the workspace. */
async function inTerminal(name: string): Promise<void> {
  const options = ['train', 'preferences.jsonl', '--model', 'tiny-llama', '--name', name, '--epochs', '1', '--backend', 'cpu'];
  await promisify(execFile)(process.execPath, [cli, ...options], { cwd: session.workspace });
}

test('runs whose folders are made at once are shown, each time anew, and so is what they are called', async () => {
  for (const name of ['first', 'second', 'third', 'fourth', 'fifth', 'sixth']) {
    // Every level of the folder is made within a moment, too fast to be watched one by one.
    const folder = await makeRun(session.workspace, name, { events: finished });
    await shows(new RegExp(`^${name}`));
    await workbench.command('Wishbone: Tag Run…');
    await workbench.pick(name);
    await workbench.type('Tag Run', `tag-${name}`);
    await shows(new RegExp(`^${name}.*#tag-${name}`));
    assert.deepEqual((await readLabels(folder)).tags, [`tag-${name}`]);
    await empty();
  }
});

test('runs of a terminal are shown, with how they end', async () => {
  for (const name of ['terminal-1', 'terminal-2', 'terminal-3']) {
    const ended = inTerminal(name);
    await shows(new RegExp(`^${name}`));
    await ended;
    await until(`${name} is shown as finished`, async () => {
      const icon = workbench.page.locator('.part.sidebar .monaco-list-row', { hasText: name }).locator('.codicon-check');
      return (await icon.count()) > 0;
    });
    await empty();
  }
});

test('a run of the form is shown', async () => {
  const form = new LaunchForm(workbench);
  await form.open();
  await form.type('dataset', 'preferences.jsonl');
  await form.type('name', 'of the form');
  await form.type('plan.epochs', '1');
  await form.figures();
  await form.start();
  await shows(/^of the form/);
  await until('it ends', async () => (await (await runsIn(session.workspace))[0]?.ofType('finished'))?.length === 1);
});

test('the view looks again when it is shown, also for what nobody told of', async () => {
  await workbench.command('View: Show Explorer');
  await makeRun(session.workspace, 'meanwhile', { events: finished });
  await workbench.command('Wishbone: Focus on Runs View');
  await shows(/^meanwhile/);
});
