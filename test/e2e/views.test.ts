import assert from 'node:assert/strict';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readLabels } from '../../src/core/run/index.js';
import { eventLine, startLine, stepLine } from '../unit/run/support.js';
import { assertConfined } from './support/confined.js';
import { LaunchForm } from './support/form.js';
import { makeRun } from './support/made-runs.js';
import { assertReachedWithTab } from './support/keyboard.js';
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

/** A run that has ended, with this learning rate. */
function finishedRun(name: string, learningRate: number, workspace = session.workspace): Promise<string> {
  const steps = Array.from({ length: 80 }, (_, i) => stepLine(i + 1, { steps: 80, learning_rate: learningRate })).join('');
  const events = startLine({ steps: 80 }) + steps + eventLine('finished', { steps: 80, seconds: 9 });
  return makeRun(workspace, name, { events, training: { learning_rate: learningRate } });
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
  await shows(/first.*50% \S+ · last 104 pairs/);
  await shows(/preferences\.jsonl.*120 pairs/);
  await shows(/bad\.jsonl.*1 error/);
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

test('a command that is for none of the runs says what it needs', async () => {
  await workbench.command('Wishbone: Resume Run');
  await until('it is said', async () =>
    (await workbench.notifications()).some((text) => /“Resume Run” needs a run that has not finished/.test(text)),
  );
  await workbench.clearNotifications();
});

test('two runs are compared in one panel, with what differs between them', async () => {
  await workbench.command('Wishbone: Compare Runs…');
  for (const name of ['baseline', 'second']) await workbench.pick(name);
  await workbench.page.keyboard.press('Enter');
  const frame = await workbench.webview('main#run .results table');
  assert.deepEqual(await frame.locator('.results thead code').allInnerTexts(), ['learning_rate']);
  assert.deepEqual((await frame.locator('.legend .label').allInnerTexts()).sort(), ['baseline', 'second']);
  await until('both are drawn', async () => {
    const label = (await frame.locator('.chart .canvas').first().getAttribute('aria-label')) ?? '';
    return label.includes('baseline: from') && label.includes('second: from');
  });
  // With keys alone: the crosshair says what is there.
  await frame.locator('.canvas').first().focus();
  await workbench.page.keyboard.press('ArrowLeft');
  await until('the place is announced', async () => /step 80/.test((await frame.locator('.charts [role=status]').textContent()) ?? ''));
  await assertReachedWithTab(workbench, frame, [
    'Run',
    'learning_rate',
    'Compare',
    'Save PNG',
    'Save CSV',
    'baseline',
    'Enlarge Loss',
    'Enlarge Gradient norm',
  ]);
  await inEveryTheme(session, 'compare', () => workbench.webview('main#run .results table'));
  await assertConfined(frame, 'run');
});

test('a run of several files is duplicated with all of them', async () => {
  const names = ['preferences.jsonl:0.5', 'more/*.jsonl'].map((name) => join(session.workspace, name));
  await makeRun(session.workspace, 'mixture', {
    events: startLine({ steps: 1 }) + stepLine(1, { steps: 1 }) + eventLine('finished', { steps: 1, seconds: 1 }),
    dataset: { path: join(session.workspace, 'more/first.jsonl'), names },
  });
  await workbench.command('Wishbone: Refresh Runs');
  await shows(/mixture/);
  await workbench.command('Wishbone: Duplicate Run with Changes…');
  await workbench.pick('mixture');
  const frame = await new LaunchForm(workbench).frame();
  const shown = frame.locator('[data-field="dataset"] input');
  await until('both are there', async () => (await shown.count()) === 2);
  assert.deepEqual(await shown.evaluateAll((inputs) => inputs.map((input) => (input as HTMLInputElement).value)), names);
});

test('in a workspace of several folders, files and runs of the same name are told apart', async () => {
  const second = join(session.workspace, '../second');
  await mkdir(second);
  await copyFile(join(session.workspace, 'preferences.jsonl'), join(second, 'preferences.jsonl'));
  await finishedRun('elsewhere', 1e-5, second);
  const both = join(session.workspace, '../both.code-workspace');
  await writeFile(both, JSON.stringify({ folders: [{ path: session.workspace }, { path: second }] }));
  const address = new URL(session.url);
  address.searchParams.delete('folder');
  address.searchParams.set('workspace', both);
  await workbench.open(address.href);
  await workbench.command('Wishbone: Focus on Runs View');
  for (const folder of ['workspace', 'second']) {
    await shows(new RegExp(`^preferences\\.jsonl ?${folder} · 120 pairs`));
    await shows(new RegExp(`^preferences\\.jsonl ?\\d runs? · ${folder}$`));
  }
  await workbench.screenshot('views-several-folders');
  await workbench.command('Wishbone: Write Cleaned Copy…');
  const choices = workbench.page.locator('.quick-input-list .monaco-list-row', { hasText: 'preferences.jsonl' });
  await until('each has its folder', async () => {
    const texts = (await choices.allInnerTexts()).join('\n');
    return ['workspace', 'second'].every((folder) => new RegExp(`preferences\\.jsonl\\s*${folder}\\n`).test(texts));
  });
  await workbench.page.keyboard.press('Escape');
});
