import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Frame } from 'playwright-core';
import { listSpeedups } from '../../src/core/speedup/index.js';
import { assertConfined } from './support/confined.js';
import { Session } from './support/session.js';
import { inEveryTheme } from './support/themes.js';
import { until, type Workbench } from './support/workbench.js';

let session: Session;
let workbench: Workbench;

before(async () => {
  session = await Session.start();
  workbench = session.workbench;
  await workbench.open(session.url);
});

after(async () => {
  await workbench?.screenshot('speedup-last').catch(() => undefined);
  await session?.stop();
});

function page(): Promise<Frame> {
  return workbench.webview('main#speedup .field');
}

async function fill(field: string, text: string): Promise<void> {
  await (await page()).locator(`[data-field="${field}"] input`).fill(text);
}

async function press(label: string): Promise<void> {
  await (await page()).locator('vscode-button', { hasText: label }).click();
}

const folder = (): string => join(session.workspace, '.wishbone/speedups');

test('the panel predicts, and a measurement can be given up', async () => {
  await workbench.command('Wishbone: Measure Speedup…');
  const dataset = (await page()).locator('[data-field="dataset"]');
  await until('the dataset is asked for', async () => /^Choose a preference file/.test(await dataset.locator('.field-text').innerText()));
  assert.equal(await dataset.locator('[aria-invalid=true]').count(), 0, 'what nobody has filled in is no mistake');
  await fill('dataset', 'none.jsonl');
  await dataset.locator('[aria-invalid=true]').first().waitFor();
  await fill('dataset', 'preferences.jsonl');
  const frame = await page();
  await until('the prediction', async () => /^1\.\d\d×$/.test(await frame.locator('.figures dd').nth(2).innerText()));
  await fill('pairs', '0');
  await until('it is said', async () => /whole number above 0/.test(await frame.locator('[data-field="pairs"] .field-text').innerText()));
  await fill('pairs', '16');
  await fill('rounds', '1000');
  await until('nothing is in the way', async () => (await frame.locator('.measure .reason').textContent()) === '');
  await press('Measure Now');
  await until('it is under way', async () => /Measuring: \d+ of/.test(await frame.locator('div.progress').innerText()));
  await press('Cancel');
  await frame.locator('div.progress').waitFor({ state: 'hidden' });
  assert.deepEqual(await readdir(folder()).catch(() => []), [], 'nothing is kept');
});

test('a measurement is drawn, kept, and found again after a reload', async () => {
  await fill('rounds', '2');
  const frame = await page();
  await until('nothing is in the way', async () => (await frame.locator('.measure .reason').textContent()) === '');
  await press('Measure Now');
  await frame.locator('canvas').waitFor();
  const [stored] = await listSpeedups(folder());
  assert.ok(stored);
  assert.equal(stored.record.pairs, 16);
  assert.equal(stored.record.rounds.length, 2);
  assert.ok(stored.record.phases, 'the runner says where the time goes');
  const text = (await frame.locator('canvas').getAttribute('aria-label')) ?? '';
  const tokens = (stored.record.naiveTokens / stored.record.sharedTokens).toFixed(2);
  assert.ok(text.includes(`tokens ${tokens}×`), text);
  assert.match(await frame.locator('.provenance').innerText(), /16 pairs, .* 2 interleaved rounds/);
  await workbench.reload();
  const again = await page();
  await again.locator('canvas').waitFor();
  assert.equal(await again.locator('tbody tr').count(), 1);
});

test('the panel in every theme, for screen readers, and confined', async () => {
  await inEveryTheme(session, 'speedup', page);
  await assertConfined(await page(), 'the speedup panel');
});

test('the picture is saved with its provenance', async () => {
  await press('Save as Image…');
  await workbench.saveAs(join(session.workspace, 'speedup.png'));
  await until('the file', async () => (await readdir(session.workspace)).includes('speedup.png'));
});
