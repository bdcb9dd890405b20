// More runs in one picture than there are colours: one legend, a table that sorts, and what is deleted says so.

import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before } from 'node:test';
import type { Frame } from 'playwright-core';
import { PAIR_RECORD_FILE } from '../../src/core/pairs/index.js';
import { writePlan } from '../../src/core/plan/index.js';
import { planOf, tokenPairs, valuesOf, writeRecord } from '../unit/pairs/support.js';
import { evalLine, eventLine, startLine, stepLine } from '../unit/run/support.js';
import { makeRun } from './support/made-runs.js';
import { Session } from './support/session.js';
import { oneAfterAnother } from './support/steps.js';
import { inEveryTheme } from './support/themes.js';
import { until, type Workbench } from './support/workbench.js';

const RUNS = 14;
const STEPS = 80;
const step = oneAfterAnother();
let session: Session;
let workbench: Workbench;
const folders: string[] = [];

before(async () => {
  session = await Session.start();
  workbench = session.workbench;
  for (let run = 0; run < RUNS; run++) folders.push(await madeRun(run));
  await workbench.open(session.url);
  await workbench.page.setViewportSize({ width: 900, height: 900 });
});

after(async () => {
  await workbench?.screenshot('compare-last').catch(() => undefined);
  await session?.stop();
});

/** The higher its number, the slower a run learns; the first ones overfit. */
async function madeRun(run: number): Promise<string> {
  const loss = (at: number): number => 0.69 * Math.exp(-at / (20 + 6 * run)) + 0.02 * Math.sin(at * (1 + run / 7));
  const lines: string[] = [];
  for (let at = 1; at <= STEPS; at++) {
    lines.push(stepLine(at, { steps: STEPS, loss: loss(at), learning_rate: (run + 1) * 1e-6 * (1 - at / STEPS) }));
    if (at % 20 === 0) {
      const evalLoss = 0.5 + run / 100 + (run < 3 ? Math.abs(at - 40) / 100 : (STEPS - at) / 400);
      lines.push(evalLine(at, { steps: STEPS, eval_loss: evalLoss, best: run < 3 ? at <= 40 : true }));
    }
  }
  const end =
    run === 5
      ? eventLine('failed', { what: 'w', where: 'x', advice: 'a', exitCode: 5 })
      : eventLine('finished', { steps: STEPS, seconds: 9 });
  const name = `run-${String(run + 1)}`;
  const folder = await makeRun(session.workspace, name, {
    events: startLine({ steps: STEPS }) + lines.join('') + end,
    training: { learning_rate: (run + 1) * 1e-6, eval_steps: 20 },
  });
  if (run < 2) await recordPairs(folder, run);
  return folder;
}

/** What each of 60 evaluated pairs came to: the second run's margins are higher by about 1. */
async function recordPairs(folder: string, run: number): Promise<void> {
  const plan = await planOf(tokenPairs(Array.from({ length: 60 }, () => [3, 4])));
  await writePlan(join(folder, 'eval-plan.safetensors'), plan);
  const margins = [...plan.pairRow].map((row) => Math.sin(row * 78.233) + 0.9 * run + 0.1 * run * Math.sin(row));
  await writeRecord(join(folder, PAIR_RECORD_FILE), [
    { kind: 2, step: STEPS, first: 0, values: margins.map((margin) => valuesOf(margin)) },
  ]);
}

const page = (): Promise<Frame> => workbench.webview('main#run .results tbody tr');

const firstCells = async (): Promise<string[]> =>
  (await (await page()).locator('.results:not(.verdicts) tbody th').allInnerTexts()).map((text) => text.trim());

step('the heading and the state are of all runs, the table has results and settings of each', async () => {
  await workbench.command('Wishbone: Compare Runs…');
  await workbench.page.locator('.quick-input-widget .quick-input-header [role=checkbox]').first().click();
  await workbench.page.keyboard.press('Enter');
  const frame = await page();
  await until('all runs are there', async () => (await firstCells()).length === RUNS);
  assert.equal(await frame.locator('h1:visible').innerText(), `Comparison of ${RUNS} runs`);
  await until('how all of them stand', async () => (await frame.locator('.states').innerText()) === `${RUNS - 1} finished, 1 failed`);
  assert.equal(await frame.locator('.badge:visible').count(), 0, 'no state of the first run');
  assert.deepEqual(await frame.locator('.results thead code').allInnerTexts(), ['learning_rate']);
  assert.deepEqual(await workbench.tabs(), [`Comparison of ${RUNS} Runs`]);
});

step('it says whether one is really better, pair by pair, and which runs have no record of their pairs', async () => {
  const frame = await page();
  const verdicts = frame.locator('.verdicts');
  await until('the verdicts are there', async () => (await verdicts.locator('tbody tr').count()) > 0);
  const title = await verdicts.locator('caption').first().innerText();
  assert.match(title, /^run-\d+ against run-\d+, pair by pair: 60 evaluated pairs, after steps 80 and 80$/);
  const margin = await verdicts.locator('tbody tr', { hasText: 'margin' }).first().innerText();
  assert.match(margin, /^margin\s+60\s+[+−]0\.9\d+\s+[+−]\d\.\d+\s+[+−]\d\.\d+\s+(better|worse)$/);
  assert.match(await verdicts.locator('.note').innerText(), /and \d+ more: no record of evaluated pairs$/);
});

step('the table is sorted by any column, either way, with keys too', async () => {
  const frame = await page();
  await frame.locator('.sort', { hasText: 'learning_rate' }).click();
  assert.deepEqual((await firstCells()).slice(0, 3), ['run-1', 'run-2', 'run-3']);
  await workbench.page.keyboard.press('Enter');
  assert.deepEqual((await firstCells()).slice(0, 3), ['run-14', 'run-13', 'run-12']);
  assert.equal(await frame.locator('th[aria-sort]').getAttribute('aria-sort'), 'descending');
  await frame.locator('.sort', { hasText: 'Best loss' }).click();
  assert.equal((await firstCells())[0], 'run-1');
  const first = await frame.locator('.results tbody tr').first().innerText();
  assert.match(first, /Finished · overfitting/);
  assert.match(first, /0\.5000 at 40/);
});

step('one legend is for all charts: each run looks different, and is hidden in all of them at once', async () => {
  const frame = await page();
  assert.equal(await frame.locator('.legend .chip').count(), RUNS);
  const looks = await frame.locator('.legend .swatch').evaluateAll((all) => all.map((canvas) => (canvas as HTMLCanvasElement).toDataURL()));
  assert.equal(new Set(looks).size, RUNS);
  assert.equal(await frame.locator('.chart .key', { hasText: 'run-' }).count(), 0, 'no legend of runs in a chart');
  const colours = (): Promise<number> =>
    frame
      .locator('.chart canvas:not(.swatch)')
      .first()
      .evaluate((canvas) => {
        const { width, height } = canvas as HTMLCanvasElement;
        const { data } = (canvas as HTMLCanvasElement).getContext('2d')!.getImageData(0, 0, width, height);
        let coloured = 0;
        for (let i = 0; i < data.length; i += 4) {
          const [red, green, blue] = [data[i]!, data[i + 1]!, data[i + 2]!];
          if (data[i + 3]! > 200 && Math.max(red, green, blue) - Math.min(red, green, blue) > 60) coloured++;
        }
        return coloured;
      });
  await frame.locator('.chart').first().scrollIntoViewIfNeeded();
  await until('the curves are drawn', async () => (await colours()) > 500);
  await frame.locator('.legend .all').click();
  await until('none is drawn', async () => (await colours()) === 0);
  await frame.locator('.legend .key', { hasText: /^run-14$/ }).click();
  await until('one is drawn', async () => (await colours()) > 20);
  await frame.locator('.legend .all').click();
});

step('the crosshair says which step, and what every run is there', async () => {
  const frame = await page();
  const plot = frame.locator('.chart .canvas').first();
  await plot.scrollIntoViewIfNeeded();
  await plot.hover({ position: { x: 200, y: 90 } });
  const readout = frame.locator('.readout:visible');
  await until('the box is there', async () => (await readout.count()) === 1);
  assert.match(await readout.locator('.place').innerText(), /^step \d+$/);
  assert.equal(await readout.locator('th').count(), 11, 'ten, and how many more');
  await workbench.screenshot('compare-crosshair');
});

step('a comparison in dark, light and high contrast, 900 pixels wide', async () => {
  await workbench.page.mouse.move(5, 5);
  const frame = await page();
  await frame.locator('h1:visible').scrollIntoViewIfNeeded();
  await inEveryTheme(session, 'compare-900', page);
  await frame.locator('.legend').scrollIntoViewIfNeeded();
  await frame.locator('.chart').nth(3).scrollIntoViewIfNeeded();
  await inEveryTheme(session, 'compare-900-charts', page);
});

step('a run that is deleted says so, also after a reload', async () => {
  await rm(folders[3]!, { recursive: true });
  await until('it says so', async () => {
    const rows = await (await page()).locator('.results tbody tr').allInnerTexts();
    return rows.some((row) => /run-4\b/.test(row) && /Deleted/.test(row));
  });
  await until('it counts', async () => /1 deleted/.test(await (await page()).locator('.states').innerText()));
  await workbench.kept(folders[0]!);
  await workbench.reload();
  await until('the others are there', async () => (await firstCells()).length === RUNS - 1);
  const note = await (await page()).locator('.results:not(.verdicts) .note').innerText();
  assert.match(note, /deleted or moved: /);
  assert.ok(note.includes(folders[3]!.split('/').at(-1)!));
});
