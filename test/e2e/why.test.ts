// Why the chosen rewards of a run fell: from the palette, by its record, by its tokens, and into a form with what helps.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before } from 'node:test';
import type { Frame } from 'playwright-core';
import { PAIR_RECORD_FILE } from '../../src/core/pairs/index.js';
import { writePlan } from '../../src/core/plan/index.js';
import { outcome } from '../cli/support.js';
import { planOf, tokenPairs, writeRecord } from '../unit/pairs/support.js';
import { eventLine, startLine, stepLine } from '../unit/run/support.js';
import { changed } from '../unit/why/support.js';
import { LaunchForm } from './support/form.js';
import { makeRun } from './support/made-runs.js';
import { Session } from './support/session.js';
import { oneAfterAnother } from './support/steps.js';
import { inEveryTheme } from './support/themes.js';
import { until, type Workbench } from './support/workbench.js';

const step = oneAfterAnother();
let session: Session;
let workbench: Workbench;

before(async () => {
  session = await Session.start();
  workbench = session.workbench;
  await madeRun('risen', true);
  await madeRun('without', false);
  await warnedRun('warned');
  await trainedRun('fallen');
  await workbench.open(session.url);
  await workbench.page.setViewportSize({ width: 1200, height: 1000 });
});

after(async () => {
  await workbench?.screenshot('why-last').catch(() => undefined);
  await session?.stop();
});

/** A run of the example at a rate that is far too high. */
async function trainedRun(name: string): Promise<void> {
  const { workspace } = session;
  const data = [join(workspace, 'preferences.jsonl'), '--model', join(workspace, 'tiny-llama'), '--name', name];
  const options = ['--learning-rate', '1e-3', '--epochs', '2', '--batch-size', '8', '--eval-fraction', '0.3', '--eval-steps', '5'];
  const runs = ['--runs', join(workspace, '.wishbone/runs')];
  const trained = await outcome(process.execPath, [join(import.meta.dirname, '../../dist/cli.js'), 'train', ...data, ...options, ...runs]);
  assert.equal(trained.code, 0, trained.stderr);
}

/** A run whose log tells that chosen responses become unlikely. */
async function warnedRun(name: string): Promise<void> {
  const steps = 60;
  const lines = Array.from({ length: steps }, (_, i) => stepLine(i + 1, { steps, 'logps/chosen': -100 - 5 * i }));
  await makeRun(session.workspace, name, {
    events: startLine({ steps }) + lines.join('') + eventLine('finished', { steps, seconds: 9 }),
  });
}

/** A run whose chosen responses became more likely. */
async function madeRun(name: string, hasRecord: boolean): Promise<void> {
  const plan = await planOf(tokenPairs(Array.from({ length: 120 }, () => [4, 3])), { batch_size: 8 });
  const steps = plan.stepPairStart.length - 1;
  const lines = Array.from({ length: steps }, (_, i) => stepLine(i + 1, { steps }));
  const folder = await makeRun(session.workspace, name, {
    events: startLine({ steps }) + lines.join('') + eventLine('finished', { steps, seconds: 9 }),
  });
  await writePlan(join(folder, 'plan.safetensors'), plan);
  if (!hasRecord) return;
  const blocks = Array.from({ length: steps }, (_, at) => {
    const [first, end] = [plan.stepPairStart[at]!, plan.stepPairStart[at + 1]!];
    const values = [...plan.pairRow.subarray(first, end)].map((row) => changed(1 + Math.sin(row) / 10, -1));
    return { kind: 1, step: at + 1, first, values };
  });
  await writeRecord(join(folder, PAIR_RECORD_FILE), blocks);
}

const page = (): Promise<Frame> => workbench.webview('main#run .why[open]');

async function ask(name: string): Promise<Frame> {
  await workbench.command('View: Close All Editors');
  await workbench.command('Wishbone: Why Did Chosen Rewards Fall?');
  await workbench.pick(name);
  return page();
}

step('the palette leads to the answer: what fell, patterns, and what helps with its change of this config', async () => {
  const frame = await ask('fallen');
  await frame.locator('.why-state', { hasText: /^Chosen responses became less likely: −\d+\.\d\d nats a pair/ }).waitFor();
  assert.match(await frame.locator('.why-state').innerText(), /\(95 %: .*n = 36\)/);
  await until('it is in view', async () => {
    const top = (await frame.locator('.why summary').boundingBox())?.y ?? -1;
    return top >= 0 && top < 300;
  });
  await frame.locator('.why-patterns', { hasText: 'Both responses became less likely' }).waitFor();
  const sft = frame.locator('.why-remedies li[data-name=sft]');
  assert.match(await sft.innerText(), /loss_type\s*"sigmoid" → \["sigmoid","sft"\]/);
  const titles = await frame.locator('.why-part caption').allInnerTexts();
  assert.ok(titles.includes('By overlap with the rejected response'), titles.join());
  assert.ok(titles.includes('By length of the chosen response'));
  await inEveryTheme(session, 'why', page);
});

step('the models are asked for every token, by keys alone', async () => {
  const frame = await page();
  const look = frame.locator('vscode-button', { hasText: 'Look at Tokens' });
  await look.focus();
  await look.press('Enter');
  await frame.locator('.why-part caption', { hasText: 'By kind of token' }).waitFor();
  const kinds = frame.locator('.why-part', { hasText: 'By kind of token' }).locator('tbody tr');
  assert.deepEqual((await kinds.locator('th').allInnerTexts()).slice(0, 2), ['beginning of a word', 'rest of a word']);
  const end = kinds.filter({ hasText: 'end of text' });
  assert.equal(await end.locator('td').first().innerText(), '36', 'each response ends once');
  assert.equal(await look.count(), 0);
  await frame.locator('.why-part', { hasText: 'By position' }).scrollIntoViewIfNeeded();
  await workbench.screenshot('why-tokens');
});

step('other pairs are asked for in their place', async () => {
  const frame = await page();
  await frame.locator('.why-controls vscode-dropdown').click();
  await frame.locator('.why-controls vscode-option', { hasText: 'Pairs trained on' }).click();
  await frame.locator('.why-notes', { hasText: 'last seen after step' }).waitFor();
});

step('a button opens the form of the run with the change', async () => {
  const frame = await page();
  const change = frame.locator('.why-remedies li[data-name=sft] vscode-button');
  await change.focus();
  await change.press('Enter');
  const form = new LaunchForm(workbench);
  const opened = await form.frame();
  await until('the dataset is that of the run', async () => (await form.value('dataset')).includes('preferences.jsonl'));
  const losses = opened.locator('[data-field="training.loss_type"] vscode-dropdown');
  assert.deepEqual(await losses.evaluateAll((all) => all.map((each) => (each as HTMLSelectElement).value)), ['sigmoid', 'sft']);
  assert.equal(await form.value('training.learning_rate'), '0.001');
  await workbench.screenshot('why-form');
});

step('what did not fall gets no advice, and a run without a record says so', async () => {
  const risen = await ask('risen');
  await risen.locator('.why-state', { hasText: 'Chosen responses did not fall: they became more likely, +1.0' }).waitFor();
  assert.equal(await risen.locator('.why-remedies').count(), 0);
  const without = await ask('without');
  await without.locator('.why-state', { hasText: 'The run has no record of its pairs' }).waitFor();
  assert.equal(await without.locator('.why-answer:visible').count(), 0);
  await workbench.screenshot('why-none');
});

step('the warning that chosen responses become unlikely leads there', async () => {
  await workbench.command('View: Close All Editors');
  await workbench.command('Wishbone: Open Run');
  await workbench.pick('warned');
  const frame = await workbench.webview('main#run .notice.warn');
  await frame.locator('.notice.warn vscode-button', { hasText: 'Why Did They Fall?' }).click();
  await (await page()).locator('.why-state', { hasText: 'The run has no record of its pairs' }).waitFor();
});
