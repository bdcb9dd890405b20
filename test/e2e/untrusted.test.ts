import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { eventLine, startLine, stepLine } from '../unit/run/support.js';
import { LaunchForm } from './support/form.js';
import { makeRun } from './support/made-runs.js';
import { RunPanel } from './support/panel.js';
import { Session } from './support/session.js';
import { until, type Workbench } from './support/workbench.js';

let session: Session;
let workbench: Workbench;

before(async () => {
  session = await Session.start({ trust: false });
  workbench = session.workbench;
  const steps = Array.from({ length: 20 }, (_, i) => stepLine(i + 1, { steps: 40 })).join('');
  await makeRun(session.workspace, 'stopped run', { events: startLine({ steps: 40 }) + steps + eventLine('stopped', { step: 20 }) });
  await workbench.open(session.url);
  await workbench.page.locator('.monaco-dialog-box').getByText("No, I don't trust the authors").click();
});

after(async () => {
  await workbench?.screenshot('untrusted-last').catch(() => undefined);
  await session?.stop();
});

test('runs and datasets can be looked at', async () => {
  await workbench.command('Wishbone: Focus on Runs View');
  for (const text of ['stopped run', 'preferences.jsonl']) {
    await workbench.page.locator('.part.sidebar .monaco-list-row', { hasText: text }).first().waitFor();
  }
  await workbench.command('Wishbone: Open Run');
  await workbench.pick('stopped run');
  const shown = await new RunPanel(workbench).reach('stopped');
  assert.equal(shown.step, 20);
  const frame = await workbench.webview('main#run h1');
  assert.equal(await frame.locator('vscode-button:visible', { hasText: 'Resume' }).count(), 0, 'nothing starts from here');
  await frame.locator('vscode-button:visible', { hasText: 'Manage Workspace Trust' }).waitFor();
  await workbench.screenshot('untrusted-run');
});

test('the form says what is missing, reads no model and starts nothing', async () => {
  const form = new LaunchForm(workbench);
  await form.open();
  await form.type('dataset', 'preferences.jsonl');
  await until('the reason', async () => /trusted workspace/.test(await form.reason()));
  const frame = await form.frame();
  // The model and its tokenizer are the workspace's: they are not read.
  const failed = frame.locator('.forecast[data-kind="failed"]');
  await failed.waitFor();
  assert.match(await failed.innerText(), /read once it is trusted/);
  await frame.locator('vscode-button:visible', { hasText: 'Manage Workspace Trust' }).waitFor();
  await workbench.screenshot('untrusted-launch');
});

test('resuming from the palette says why not', async () => {
  await workbench.command('Wishbone: Resume Run');
  await workbench.pick('stopped run');
  await until('the message', async () => (await workbench.notifications()).some((text) => /needs a trusted workspace/.test(text)));
});
