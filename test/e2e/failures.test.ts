import assert from 'node:assert/strict';
import { appendFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { eventLine, startLine, stepLine } from '../unit/run/support.js';
import { assertAccessible } from './support/accessible.js';
import { LaunchForm } from './support/form.js';
import { makeRun } from './support/made-runs.js';
import { RunPanel } from './support/panel.js';
import { runsIn } from './support/runs.js';
import { Session } from './support/session.js';
import { inEveryTheme } from './support/themes.js';
import { until, type Workbench } from './support/workbench.js';

let session: Session;
let workbench: Workbench;
let panel: RunPanel;
let form: LaunchForm;
let crashed: string;

const steps = (count: number, of: number): string => Array.from({ length: count }, (_, i) => stepLine(i + 1, { steps: of })).join('');

before(async () => {
  session = await Session.start();
  workbench = session.workbench;
  panel = new RunPanel(workbench);
  form = new LaunchForm(workbench);
  await workbench.open(session.url);
});

after(async () => {
  await workbench?.screenshot('failures-last').catch(() => undefined);
  await session?.stop();
});

async function openRun(name: string): Promise<void> {
  await workbench.command('View: Close All Editors');
  await workbench.command('Wishbone: Open Run');
  await workbench.pick(name);
}

test('a runner that crashed: how it ended, its last words, what to do; half a line of its events is passed over', async () => {
  crashed = await makeRun(session.workspace, 'crashed run', {
    events: startLine({ steps: 40 }) + steps(12, 40) + stepLine(13, { steps: 40 }).slice(0, 57),
  });
  const ended = { exitCode: null, signal: 'SIGKILL' };
  await writeFile(join(crashed, 'process.json'), JSON.stringify({ pid: 1, pidStart: 1, bootId: 'another boot', ended }));
  await writeFile(join(crashed, 'runner.log'), 'reading the model\nallocating 12.3 GiB\n');
  await openRun('crashed run');
  const shown = await panel.reach('crashed');
  assert.equal(shown.step, 12, 'all whole lines are shown');
  assert.match(shown.notice, /The runner crashed: .*SIGKILL/);
  assert.match(shown.notice, /memory/i, 'what usually kills a process, and what to do');
  assert.match(shown.notice, /allocating 12\.3 GiB/);
  assert.match(shown.notice, /1 line of the event log could not be read/i);
  assert.match(shown.notice, /The plan cannot be read/, 'and it cannot be resumed as it is');
  await inEveryTheme(session, 'crashed', () => workbench.webview('main#run h1'));
});

test('an event log that goes on after half a line is read on', async () => {
  const failed = eventLine('failed', { what: 'disk full', where: crashed, advice: 'make room', exitCode: 5 });
  await appendFile(join(crashed, 'events.jsonl'), `\n${failed}`);
  const shown = await panel.reach('failed');
  assert.match(shown.notice, /Disk full/);
  assert.match(shown.notice, /make room/i);
});

test('a run that would fail again does not offer to be resumed first, until what was at fault has changed', async () => {
  const weights = join(session.workspace, 'gone.safetensors');
  const cause = { what: 'a shard of the model is missing', where: weights, advice: 'download the model again', exitCode: 3 };
  await makeRun(session.workspace, 'same cause', {
    events: startLine({ steps: 20 }) + steps(2, 20) + eventLine('failed', { ...cause, time: new Date().toISOString() }),
  });
  await openRun('same cause');
  const shown = await panel.when('the failure', ({ notice }) => /shard of the model is missing/.test(notice));
  assert.match(shown.notice, /it would fail again/);
  const frame = await workbench.webview('main#run h1');
  const buttons = (): Promise<string[]> => frame.locator('[role=toolbar][aria-label=Run] vscode-button:visible').allInnerTexts();
  await until('a run with changes is offered first', async () => (await buttons()).slice(0, 2).join() === 'Duplicate…,Resume');
  await writeFile(weights, '');
  await until('then it is resumed', async () => (await buttons())[0] === 'Resume');
  await rm(weights);
});

test('a run folder that is deleted while it is shown', async () => {
  const folder = await makeRun(session.workspace, 'short lived', {
    events: startLine({ steps: 20 }) + steps(20, 20) + eventLine('finished', { steps: 20, seconds: 9 }),
  });
  await openRun('short lived');
  await panel.reach('finished');
  await workbench.command('Wishbone: Try It…');
  await workbench.pick('short lived');
  await workbench.webview('main#try');
  await workbench.page.locator('.tab', { hasText: 'short lived' }).first().click();
  await rm(folder, { recursive: true });
  const frame = await workbench.webview('main#run .empty');
  await until('it is said', async () => /short lived was deleted or moved away/.test(await frame.locator('.empty').innerText()));
  assert.equal(await frame.locator('.empty vscode-button').count(), 2, 'and there are ways on');
  await workbench.screenshot('deleted-dark');
  await assertAccessible(frame, 'a deleted run');
  await workbench.page.locator('.tab', { hasText: 'Try: short lived' }).click();
  const chat = await workbench.webview('main#try');
  await until('so does the chat', async () =>
    (await chat.locator('main#try').innerText()).includes(`The run folder no longer exists: ${folder}.`),
  );
});

test('no runner: the forms say so before anything is started, the Devices view too', async () => {
  await session.useRunner('/nowhere/wishbone-runner');
  await workbench.command('View: Close All Editors');
  await form.open();
  await form.type('dataset', 'preferences.jsonl');
  await until('the form says it', async () =>
    /runner does not exist.*\/nowhere\/wishbone-runner.*wishbone\.runner\.path/s.test(await form.reason()),
  );
  await workbench.screenshot('no-runner-dark');
  await workbench.command('Wishbone: Focus on Devices View');
  const devices = workbench.page.locator('.part.sidebar .monaco-list-row', { hasText: 'runner does not exist' });
  await devices.waitFor();
  await session.useRunner('');
  await until('the form takes it back', async () => (await form.reason()) === '');
  await devices.waitFor({ state: 'detached' });
  await workbench.page.locator('.part.sidebar .monaco-list-row', { hasText: /CPU · \d+ thread/ }).waitFor();
});

test('a runner that answers nothing of use ends the start with its last words', async () => {
  const runner = join(session.workspace, 'broken-runner');
  await writeFile(runner, '#!/bin/sh\necho "no such instruction" >&2\nexit 132\n', { mode: 0o755 });
  await session.useRunner(runner);
  await workbench.page.locator('.part.sidebar .monaco-list-row', { hasText: 'does not answer' }).waitFor();
  await form.type('name', 'broken start');
  await until('it may be started', async () => (await form.reason()) === '');
  await (await form.frame()).locator('vscode-button', { hasText: 'Start Run' }).click();
  await until('its end is told', async () =>
    (await workbench.notifications()).some((text) => /132/.test(text) && /no such instruction/.test(text)),
  );
  await workbench.screenshot('broken-runner-dark');
  await workbench.clearNotifications();
  await session.useRunner('');
});

test('two windows on one workspace: a run started in one is seen, and can be stopped, in the other', async () => {
  await workbench.command('View: Close All Editors');
  await form.open();
  await form.type('dataset', 'preferences.jsonl');
  await form.type('plan.epochs', '60');
  await form.type('name', 'of two windows');
  await form.figures();
  await form.start();
  const first = await panel.passed(1);
  const other = await session.window();
  await other.open(session.url);
  await until('its status bar counts the steps', async () => /\d+\/900\b/.test(await other.statusBar()));
  await other.command('Wishbone: Open Run');
  await other.pick('of two windows');
  const there = new RunPanel(other);
  await there.passed(first.step);
  await other.command('Wishbone: Stop Run');
  const stopped = await there.reach('stopped');
  const here = await panel.reach('stopped');
  assert.equal(here.step, stopped.step);
  // Resumed in both at once, it runs once.
  const buttons = await Promise.all(
    [workbench, other].map(async (window) => (await window.webview('main#run h1')).locator('vscode-button', { hasText: 'Resume' })),
  );
  await Promise.all(buttons.map((button) => button.evaluate((element) => (element as HTMLElement).click())));
  await there.passed(stopped.step);
  const run = (await runsIn(session.workspace)).at(-1);
  assert.equal((await run!.ofType('start')).length, 2, 'started and resumed, once each');
  await panel.press('Stop');
  await there.reach('stopped');
  await other.page.close();
});
