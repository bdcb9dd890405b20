import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createRunFolder, EVENTS_FILE, LOG_FILE, newRunConfig, PRESETS, DEFAULT_RUNNER, readLabels } from '../../src/core/run/index.js';
import { eventLine, startLine, stepLine } from '../unit/run/support.js';
import { assertAccessible } from './support/accessible.js';
import { assertConfined } from './support/confined.js';
import { Session } from './support/session.js';
import { inEveryTheme } from './support/themes.js';
import { until, type Workbench } from './support/workbench.js';

let session: Session;
let workbench: Workbench;
let folders: string[];

before(async () => {
  session = await Session.start();
  workbench = session.workbench;
  folders = [await finishedRun('first', 1e-5), await finishedRun('second', 2e-5)];
  await workbench.open(session.url);
});

after(async () => {
  await workbench?.screenshot('views-last').catch(() => undefined);
  await session?.stop();
});

/** A run of the example data as the runner leaves one, with this learning rate. */
async function finishedRun(name: string, learningRate: number): Promise<string> {
  const { plan, training } = PRESETS[0]!;
  const config = newRunConfig({
    name,
    dataset: { path: join(session.workspace, 'preferences.jsonl'), sha256: 'a'.repeat(64), format: 'trl-explicit', pairs: 120 },
    model: { path: join(session.workspace, 'tiny-llama') },
    plan,
    training: { ...training, learning_rate: learningRate },
    runner: DEFAULT_RUNNER,
  });
  const folder = await createRunFolder(join(session.workspace, '.wishbone/runs'), config, (file) => writeFile(file, ''));
  const steps = Array.from({ length: 80 }, (_, i) => stepLine(i + 1, { steps: 80, learning_rate: learningRate })).join('');
  await writeFile(join(folder, EVENTS_FILE), startLine({ steps: 80 }) + steps + eventLine('finished', { steps: 80, seconds: 9 }));
  return folder;
}

/** The rows of the views in the side bar, as text. */
function rows(): Promise<string[]> {
  return workbench.page.locator('.part.sidebar .monaco-list-row').allInnerTexts();
}

function shows(what: RegExp): Promise<true> {
  return until(`the view shows ${what.source}`, async () => (await rows()).some((row) => what.test(row.replaceAll('\n', ' '))));
}

test('the view lists runs by dataset, preference files with their problems, and devices', async () => {
  await workbench.command('Wishbone: Focus on Runs View');
  await shows(/preferences\.jsonl.*2 runs/);
  await shows(/first.*accuracy 50%/);
  await shows(/preferences\.jsonl.*120 pairs/);
  await shows(/bad\.jsonl.*1 problem/);
  await shows(/CPU · \d+ thread/);
  await shows(/No GPU|GPU/);
  await workbench.screenshot('views-dark');
});

test('a run is renamed from the palette, and the view follows', async () => {
  await workbench.command('Wishbone: Rename Run…');
  await workbench.pick('first');
  await workbench.type('Rename Run', 'baseline');
  await shows(/baseline/);
  assert.equal((await readLabels(folders[0]!)).name, 'baseline');
});

test('two runs are compared in one panel, with what differs between them', async () => {
  await workbench.command('Wishbone: Compare Runs…');
  for (const name of ['baseline', 'second']) await workbench.pick(name);
  await workbench.page.keyboard.press('Enter');
  const frame = await workbench.webview('main#run .differences table');
  assert.deepEqual(await frame.locator('.differences tbody th').allInnerTexts(), ['training.learning_rate']);
  assert.deepEqual((await frame.locator('.chips .label').allInnerTexts()).sort(), ['baseline', 'second']);
  await until('both are drawn', async () => (await frame.locator('.chart').first().locator('.key').count()) === 2);
  // With keys alone: the crosshair says what is there.
  await frame.locator('.canvas').first().focus();
  await workbench.page.keyboard.press('ArrowLeft');
  await until('the place is announced', async () => /step 80/.test((await frame.locator('.charts [role=status]').textContent()) ?? ''));
  await inEveryTheme(session, 'compare', () => workbench.webview('main#run .differences table'));
  await assertConfined(frame, 'run');
});

test('a run whose runner is gone says so with its last words, though its log ends in mid-line', async () => {
  const folder = await finishedRun('broken-off', 3e-5);
  const start = startLine({ steps: 80 });
  const steps = Array.from({ length: 20 }, (_, i) => stepLine(i + 1, { steps: 80 })).join('');
  await writeFile(join(folder, EVENTS_FILE), start + steps + stepLine(21, { steps: 80 }).slice(0, 40));
  await writeFile(join(folder, LOG_FILE), 'reading the model\nout of memory: 8.2 GiB asked for\n');
  await workbench.command('View: Close All Editors');
  await workbench.command('Wishbone: Open Run');
  await workbench.pick('broken-off');
  const frame = await workbench.webview('main#run .notice.bad');
  const notice = await frame.locator('.notice-area').innerText();
  assert.match(notice, /runner is gone/);
  assert.match(notice, /8\.2 GiB asked for/);
  assert.match(notice, /Resuming goes on|begins again/);
  assert.match(await frame.locator('.progress-line').innerText(), /Step 20 of 80/);
  await assertAccessible(frame, 'a crashed run');
  await workbench.screenshot('run-crashed');
});

test('a run whose folder is deleted under its panel leaves a page that says so', async () => {
  const folder = await finishedRun('short-lived', 4e-5);
  await workbench.command('View: Close All Editors');
  await workbench.command('Wishbone: Open Run');
  await workbench.pick('short-lived');
  await workbench.webview('main#run .figures');
  await rm(folder, { recursive: true });
  const frame = await workbench.webview('main#run h1:has-text("No run to show")');
  assert.match(await frame.locator('.empty').innerText(), /short-lived was deleted or moved away/);
  await assertAccessible(frame, 'a run that is gone');
  await workbench.screenshot('run-gone');
});
