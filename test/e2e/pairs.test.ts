// What became of the pairs of a run: lists in its panel, from a point of a chart to its pairs, and from a pair to its row.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before } from 'node:test';
import type { Frame } from 'playwright-core';
import { PAIR_RECORD_FILE } from '../../src/core/pairs/index.js';
import { writePlan } from '../../src/core/plan/index.js';
import { planOf, tokenPairs, valuesOf, writeRecord } from '../unit/pairs/support.js';
import { eventLine, startLine, stepLine } from '../unit/run/support.js';
import { makeRun } from './support/made-runs.js';
import { Session } from './support/session.js';
import { oneAfterAnother } from './support/steps.js';
import { inEveryTheme } from './support/themes.js';
import { until, type Workbench } from './support/workbench.js';

/** As many as the example has rows. */
const PAIRS = 120;
const BATCH = 8;
const step = oneAfterAnother();
let session: Session;
let workbench: Workbench;
let rowsOfStep: (step: number) => number[];

before(async () => {
  session = await Session.start();
  workbench = session.workbench;
  await madeRun('with pairs', true);
  await madeRun('without', false);
  await workbench.open(session.url);
  await workbench.page.setViewportSize({ width: 1100, height: 900 });
});

after(async () => {
  await workbench?.screenshot('pairs-last').catch(() => undefined);
  await session?.stop();
});

/** Margins rise over two epochs; those of every tenth row fall, as if its responses were exchanged. */
async function madeRun(name: string, hasRecord: boolean): Promise<void> {
  const plan = await planOf(tokenPairs(Array.from({ length: PAIRS }, () => [4, 3])), { epochs: 2, batch_size: BATCH });
  const steps = plan.stepPairStart.length - 1;
  const lines = Array.from({ length: steps }, (_, i) => stepLine(i + 1, { steps, loss: 0.7 - i / 60 }));
  const folder = await makeRun(session.workspace, name, {
    events: startLine({ steps }) + lines.join('') + eventLine('finished', { steps, seconds: 9 }),
  });
  await writePlan(join(folder, 'plan.safetensors'), plan);
  rowsOfStep = (at) => [...plan.pairRow.subarray(plan.stepPairStart[at - 1], plan.stepPairStart[at])];
  if (!hasRecord) return;
  const blocks = Array.from({ length: steps }, (_, at) => {
    const rows = rowsOfStep(at + 1);
    const margin = (row: number): number => (row % 10 === 0 ? -1 : 1) * ((at + 1) / 10) + Math.sin(row * 78.233) / 20;
    return { kind: 1, step: at + 1, first: plan.stepPairStart[at]!, values: rows.map((row) => valuesOf(margin(row))) };
  });
  await writeRecord(join(folder, PAIR_RECORD_FILE), blocks);
}

const page = (): Promise<Frame> => workbench.webview('main#run .pairs');
const places = async (): Promise<number[]> =>
  (await (await page()).locator('.pair-place').allInnerTexts()).map((text) => Number(/:(\d+)$/.exec(text)?.[1]) - 1);

async function open(name: string): Promise<void> {
  await workbench.command('View: Close All Editors');
  await workbench.command('Wishbone: Open Run');
  await workbench.pick(name);
  await workbench.webview('main#run .chart .canvas canvas');
}

async function choose(label: string): Promise<void> {
  const frame = await page();
  await frame.locator('.pairs-controls vscode-dropdown').first().click();
  await frame.locator('.pairs-controls vscode-option', { hasText: label }).first().click();
}

step('pairs that got worse are listed with their margins, and what the list can tell', async () => {
  await open('with pairs');
  const frame = await page();
  await frame.locator('.pairs summary').click();
  await until('they are there', async () => (await places()).length === PAIRS / 10);
  assert.ok((await places()).every((row) => row % 10 === 0));
  assert.deepEqual(await frame.locator('.pairs thead th').allInnerTexts(), [
    'Row',
    'Margin',
    'Start',
    'Change',
    'Loss',
    'Label',
    'Tokens',
    'Seen',
    'Show',
  ]);
  assert.match(await frame.locator('.pairs [role=status]').innerText(), /^12 of 120 pairs$/);
  await frame.locator('.pairs .note', { hasText: 'The margin fell' }).waitFor();
  const cells = await frame.locator('.pairs tbody tr').first().locator('td').allInnerTexts();
  assert.match(cells[0]!, /^−\d/);
  assert.equal(Number(cells[1]), 0);
});

step('the other lists answer other questions', async () => {
  const frame = await page();
  await choose('Probably mislabelled');
  await frame.locator('.pairs .note', { hasText: 'a pair that is only hard looks the same' }).waitFor();
  await until(
    'the swapped ones lead',
    async () => (await places()).length >= 12 && (await places()).slice(0, 12).every((row) => row % 10 === 0),
  );
  await choose('Never learned');
  await until('they are listed', async () => (await places()).every((row) => row % 10 === 0));
  await choose('Long wins only because long');
  await frame.locator('.pairs .note', { hasText: 'wins in sum' }).waitFor();
  await choose('All');
  await until('all are listed', async () => (await places()).length === PAIRS);
  await inEveryTheme(session, 'pairs', page);
});

step('a click on a pair opens the dataset at its row', async () => {
  await choose('Got worse');
  await until('they are there', async () => (await places()).length === PAIRS / 10);
  const [row] = await places();
  await (await page()).locator('.pair-place').first().click();
  await until('the file is open', async () => (await workbench.tabs()).includes('preferences.jsonl'));
  await until('the cursor is on its line', async () => (await workbench.statusBar()).includes(`Ln ${row! + 1}, Col 1`));
  await workbench.screenshot('pairs-row');
});

step('a click on a chart shows the pairs of that step, and a key does too', async () => {
  await open('with pairs');
  const frame = await page();
  const chart = frame.locator('.chart .canvas').first();
  await chart.click();
  await frame.locator('.pairs-step:visible').waitFor();
  const shown = Number(/step (\d+)/.exec(await frame.locator('.pairs-step').innerText())?.[1]);
  await until('they are of that step', async () => (await places()).length === BATCH);
  assert.deepEqual((await places()).sort(), rowsOfStep(shown).sort());
  assert.equal((await frame.locator('.pairs thead th').allInnerTexts())[1], `At step ${shown}`);
  await workbench.screenshot('pairs-step');
  await chart.focus();
  await chart.press('ArrowRight');
  await chart.press('p');
  await until('another step', async () => {
    const [, text] = /step (\d+)/.exec(await frame.locator('.pairs-step').innerText()) ?? [];
    const rows = await places();
    return Number(text) !== shown && rows.sort().join() === rowsOfStep(Number(text)).sort().join();
  });
  await frame.locator('.pairs-step vscode-button').click();
  await until('all steps again', async () => (await places()).length === PAIRS);
});

step('a run without a record says so', async () => {
  await open('without');
  const frame = await page();
  await frame.locator('.pairs summary').click();
  await frame.locator('.pairs [role=status]', { hasText: 'no record of its pairs' }).waitFor();
  assert.equal(await frame.locator('.pairs table:visible').count(), 0);
});
