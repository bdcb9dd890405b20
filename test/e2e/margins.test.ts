// Margins of a run beside the pairs of its dataset: columns, filter, order, histogram; to a pair's curve and from the lists of pairs to its row.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before } from 'node:test';
import type { Frame } from 'playwright-core';
import { PAIR_RECORD_FILE } from '../../src/core/pairs/index.js';
import { writePlan } from '../../src/core/plan/index.js';
import { planOf, tokenPairs, valuesOf, writeRecord } from '../unit/pairs/support.js';
import { eventLine, startLine, stepLine } from '../unit/run/support.js';
import { TextEditor } from './support/editor.js';
import { makeRun } from './support/made-runs.js';
import { Session } from './support/session.js';
import { oneAfterAnother } from './support/steps.js';
import { inEveryTheme } from './support/themes.js';
import { until, type Workbench } from './support/workbench.js';

/** As many as the example has rows. */
const PAIRS = 120;
const BATCH = 8;
const EPOCHS = 3;
const step = oneAfterAnother();
let session: Session;
let workbench: Workbench;

before(async () => {
  session = await Session.start();
  ({ workbench } = session);
  await madeRun('earlier', 7);
  await madeRun('later', 10);
  await workbench.open(session.url);
  await workbench.page.setViewportSize({ width: 1700, height: 950 });
});

after(async () => {
  await workbench?.screenshot('margins-last').catch(() => undefined);
  await session?.stop();
});

/** Margins rise over the epochs; those of every so many rows fall. */
async function madeRun(name: string, every: number): Promise<void> {
  const plan = await planOf(tokenPairs(Array.from({ length: PAIRS }, () => [4, 3])), { epochs: EPOCHS, batch_size: BATCH });
  const steps = plan.stepPairStart.length - 1;
  const lines = Array.from({ length: steps }, (_, i) => stepLine(i + 1, { steps }));
  const folder = await makeRun(session.workspace, name, {
    events: startLine({ steps }) + lines.join('') + eventLine('finished', { steps, seconds: 9 }),
  });
  await writePlan(join(folder, 'plan.safetensors'), plan);
  const blocks = Array.from({ length: steps }, (_, at) => {
    const [first, end] = [plan.stepPairStart[at]!, plan.stepPairStart[at + 1]!];
    const margin = (row: number): number => (row % every === 0 ? -1 : 1) * ((at + 1) / 10) + Math.sin(row * 78.233) / 20;
    return { kind: 1, step: at + 1, first, values: [...plan.pairRow.subarray(first, end)].map((row) => valuesOf(margin(row))) };
  });
  await writeRecord(join(folder, PAIR_RECORD_FILE), blocks);
}

const page = (): Promise<Frame> => workbench.webview('main#table .grid');
const panel = (): Promise<Frame> => workbench.webview('main#run .pairs');
const status = async (): Promise<string> => (await page()).locator('.count').innerText();
const heads = async (): Promise<string[]> => (await page()).locator('.head .sort, .head .label').allInnerTexts();
/** What the lines that are there have in a column, by its place from 1, in their order. */
const column = async (place: number): Promise<string[]> =>
  (await page())
    .locator('.lines > .line:not(.coming)')
    .evaluateAll(
      (all, at) =>
        all
          .sort((a, b) => Number((a as HTMLElement).dataset['line']) - Number((b as HTMLElement).dataset['line']))
          .map((line) => line.children[at - 1]?.textContent ?? ''),
      place,
    );
const MARGIN = 10;
const filtered = async (text: string, wanted: string): Promise<void> => {
  await (await page()).locator('.toolbar vscode-text-field').locator('input').fill(text);
  await until(`${text} finds ${wanted}`, async () => (await status()) === wanted);
};
const runButton = async () => (await page()).locator('.run-choice vscode-button');

step('the newest finished run of a dataset has its margins in the table, with histograms', async () => {
  await workbench.command('View: Close All Editors');
  await new TextEditor(workbench).open('preferences.jsonl');
  await workbench.command('Wishbone: Show Dataset as a Table');
  await until('the run is named', async () => (await (await runButton()).innerText()) === 'Margins of later');
  await until('its columns are there', async () => (await heads()).slice(8, 12).join() === 'Start,Margin,Change,Seen');
  await until('with values', async () => /^−\d/.test((await column(MARGIN))[0] ?? ''));
  assert.match((await column(MARGIN))[1]!, /^\+\d\.\d+$/);
  assert.equal((await column(MARGIN - 1))[0], '0');
  assert.equal((await column(MARGIN + 2))[0], String(EPOCHS));
  const frame = await page();
  await until('there are histograms', async () => (await frame.locator('.histogram').count()) === 8);
  assert.match((await frame.locator('.histogram').nth(5).getAttribute('aria-label')) ?? '', /^Margin when .* of 120 pairs: median \+\d/);
  assert.equal(await frame.locator('.grid').getAttribute('aria-colcount'), '13', 'without a column of sources, which no pair has');
  await inEveryTheme(session, 'margins', page);
});

step('they filter and sort, by keys and by a bar', async () => {
  await filtered('margin<0', '12 of 120 pairs');
  const frame = await page();
  await filtered('', '120 pairs');
  const head = frame.locator('.head .sort', { hasText: /^Margin$/ });
  await head.focus();
  await head.press('Enter');
  const numbers = async (): Promise<number[]> => (await column(MARGIN)).map((text) => Number(text.replace('−', '-')));
  await until('the lowest first', async () => {
    const found = await numbers();
    return found.length > 3 && found[0]! < -3 && found.every((value, at) => at === 0 || value >= found[at - 1]!);
  });
  await head.press('Enter');
  await until('the highest first', async () => ((await numbers())[0] ?? 0) > 3);
  await head.press('Enter');
  await until('the order of the file', async () => (await column(1))[0] === '1');
  await frame.locator('.histogram').nth(5).locator('.bar').first().click();
  await until('a bar filters', async () => /^\d+ of 120 pairs$/.test(await status()));
  assert.match(await frame.locator('.toolbar vscode-text-field').locator('input').inputValue(), /^margin<-?\d/);
  await filtered('', '120 pairs');
});

step('another run is chosen, and none', async () => {
  await (await runButton()).click();
  await workbench.pick('earlier');
  await until('it is named', async () => (await (await runButton()).innerText()) === 'Margins of earlier');
  await filtered('margin<0', '18 of 120 pairs');
  await filtered('', '120 pairs');
  await (await runButton()).click();
  await workbench.pick('No Run');
  await until('its columns are gone', async () => (await heads()).length === 9);
  assert.equal(await (await runButton()).innerText(), 'Margins of a Run…');
  await (await runButton()).click();
  await workbench.pick('later');
  await until('they are back', async () => (await heads()).length === 13);
});

step('a pair leads to its curve in the panel of the run', async () => {
  const frame = await page();
  await frame.locator('.grid').focus();
  await workbench.page.keyboard.press('Home');
  await until('it has a margin', async () => (await frame.locator('vscode-button[disabled]', { hasText: 'Show Curve' }).count()) === 0);
  const show = frame.locator('vscode-button', { hasText: 'Show Curve' });
  await show.focus();
  await show.press('Enter');
  const run = await panel();
  await run.locator('.pair-curve h3', { hasText: 'Margin of preferences.jsonl:1' }).waitFor();
  assert.equal(await run.locator('.pair-curve .dot').count(), EPOCHS + 1, 'a point each epoch, and one before');
  assert.match(
    await run.locator('.pair-curve > .note').innerText(),
    /trained on, before the update of its step: 3, the last after step \d+/,
  );
  await until('it is in view', async () => {
    const top = (await run.locator('.pair-curve').boundingBox())?.y ?? -1;
    return top > 0 && top < 900;
  });
  await run.locator('.pair-curve summary').click();
  assert.equal(await run.locator('.pair-curve tbody tr').count(), EPOCHS);
  await inEveryTheme(session, 'margins-curve', panel);
});

step('a list of pairs leads to the row in the table, and to the curve', async () => {
  const run = await panel();
  await until('they are listed', async () => (await run.locator('.pairs-table tbody tr').count()) === PAIRS / 10);
  const place = await run.locator('.pair-place').nth(3).innerText();
  await run.locator('.pair-action', { hasText: 'Curve' }).nth(3).click();
  await run.locator('.pair-curve h3', { hasText: `Margin of ${place}` }).waitFor();
  await run.locator('.pair-action', { hasText: 'Table' }).nth(3).click();
  const frame = await page();
  const row = /:(\d+)$/.exec(place)![1]!;
  await frame.locator('.pair h2', { hasText: `Row ${row}` }).waitFor();
  await until('the keys are there', async () => (await frame.locator('.line.active .row-number').innerText()) === row);
  assert.match(await frame.locator('.line.active').locator(`.cell:nth-child(${MARGIN})`).innerText(), /^−\d/);
  await until('it is in view', async () => {
    const [line, grid] = [await frame.locator('.line.active').boundingBox(), await frame.locator('.grid').boundingBox()];
    return line !== null && grid !== null && line.y > grid.y && line.y + line.height <= grid.y + grid.height;
  });
  await workbench.screenshot('margins-row');
});

step('from a list into a table that is not open, whatever it was filtered by', async () => {
  await workbench.command('View: Close All Editors');
  await workbench.command('Wishbone: Open Run');
  await workbench.pick('earlier');
  const run = await panel();
  await run.locator('.pairs summary').first().click();
  await run.locator('.pair-action', { hasText: 'Table' }).first().waitFor();
  const row = /:(\d+)$/.exec(await run.locator('.pair-place').first().innerText())![1]!;
  await run.locator('.pair-action', { hasText: 'Table' }).first().click();
  const frame = await page();
  await frame.locator('.pair h2', { hasText: `Row ${row}` }).waitFor();
  await until('with the margins of that run', async () => (await (await runButton()).innerText()) === 'Margins of earlier');
});
