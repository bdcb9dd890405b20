// Runs as a table: opened, sorted, filtered, grouped, tagged, pinned, annotated, compared, saved and deleted, by mouse and by keys.

import assert from 'node:assert/strict';
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before } from 'node:test';
import type { Frame } from 'playwright-core';
import { readComparisonNotes, readLabels, writeLabels } from '../../src/core/run/index.js';
import { evalLine, eventLine, startLine, stepLine } from '../unit/run/support.js';
import { makeRun } from './support/made-runs.js';
import { runsIn } from './support/runs.js';
import { Session } from './support/session.js';
import { oneAfterAnother } from './support/steps.js';
import { inEveryTheme } from './support/themes.js';
import { until, type Workbench } from './support/workbench.js';

const RUNS = 60;
const step = oneAfterAnother();
let session: Session;
let workbench: Workbench;
const folders: string[] = [];

before(async () => {
  session = await Session.start();
  workbench = session.workbench;
  for (let run = 1; run <= RUNS; run++) folders.push(await madeRun(run));
  await workbench.open(session.url);
  await workbench.page.setViewportSize({ width: 1400, height: 800 });
});

after(async () => {
  await workbench?.screenshot('runs-table-last').catch(() => undefined);
  await session?.stop();
});

async function madeRun(run: number): Promise<string> {
  const loss = 0.3 + ((run * 7) % RUNS) / 100;
  const end =
    run % 20 === 0
      ? eventLine('failed', { what: 'w', where: 'x', advice: 'a', exitCode: 5 })
      : eventLine('finished', { steps: 4, seconds: 9 });
  const steps = Array.from({ length: 4 }, (_, i) => stepLine(i + 1, { steps: 4 })).join('');
  const figures = { steps: 4, eval_loss: loss, 'eval_rewards/accuracies': 1 - loss / 2, 'eval_rewards/margins': 1 - loss, best: true };
  const folder = await makeRun(session.workspace, `rate sweep ${String(run).padStart(2, '0')}`, {
    events: startLine({ steps: 4 }) + steps + evalLine(4, figures) + end,
    training: { eval_steps: 4, learning_rate: ((run % 6) + 1) * 1e-6, beta: run % 2 === 0 ? 0.1 : 0.3 },
    dataset: { path: join(session.workspace, run <= 40 ? 'preferences.jsonl' : 'more.jsonl') },
  });
  if (run % 10 === 0) await writeLabels(folder, { tags: ['tenth'], ...(run === 30 ? { notes: NOTES } : {}) });
  return folder;
}

const NOTES =
  '# Why\n\nThe **best** so far:\n\n- [x] seeds\n- [ ] more data\n\n<img src=x onerror="document.title=1"> [a](javascript:alert(1))\n';

const page = (): Promise<Frame> => workbench.webview('main#runs .grid');
const status = async (): Promise<string> => (await page()).locator('.count').innerText();
/** What the lines that are there have at some place, in their order. */
const column = async (selector: string): Promise<string[]> =>
  (await page())
    .locator('.lines > .run')
    .evaluateAll(
      (lines, place) =>
        lines
          .sort((a, b) => Number((a as HTMLElement).dataset['line']) - Number((b as HTMLElement).dataset['line']))
          .map((line) => line.querySelector(place)!.textContent),
      selector,
    );
const names = (): Promise<string[]> => column('.text');
const heads = async (): Promise<string[]> => (await page()).locator('.head .sort').allInnerTexts();
const button = async (label: string) => (await page()).locator('vscode-button', { hasText: label }).first();
const filterField = async () => (await page()).locator('.toolbar vscode-text-field').locator('input');
const headOf = async (label: string) => (await page()).locator('.head .sort', { hasText: new RegExp(`^${label}`) });
const dialog = () => workbench.page.locator('.monaco-dialog-box');

step('the table shows every run, with the columns that differ', async () => {
  await workbench.command('Wishbone: Show Runs as a Table');
  const frame = await page();
  await until('all are there', async () => (await status()) === `${RUNS} runs`);
  assert.deepEqual(await workbench.tabs(), ['Runs']);
  const expected = [
    'Run',
    'State',
    'Loss',
    'Accuracy',
    'Margin',
    'Best loss',
    'Tags',
    'Notes',
    'Dataset',
    'Created',
    'learning_rate',
    'beta',
  ];
  assert.deepEqual(new Set(await heads()), new Set(expected));
  assert.equal((await names())[0], `rate sweep ${RUNS}`, 'newest first');
  const there = await frame.locator('.lines > .line').count();
  assert.ok(there < RUNS, `${there} of ${RUNS} lines are in the page`);
  assert.equal(await frame.locator('.grid').getAttribute('aria-rowcount'), String(RUNS + 1));
  await frame.locator('.grid').evaluate((grid) => (grid.scrollTop = grid.scrollHeight));
  await until('the last line is drawn', async () => (await names()).at(-1) === 'rate sweep 01');
});

step('it is sorted by a head, the better first, and the other way round', async () => {
  await (await headOf('Loss')).click();
  const frame = await page();
  await frame.locator('.grid').evaluate((grid) => (grid.scrollTop = 0));
  const losses = async (): Promise<number[]> => (await column('.cell:nth-child(3)')).map(Number);
  await until('lowest first', async () => (await losses())[0] === 0.3);
  assert.equal(await frame.locator('[role=columnheader][aria-sort=ascending]').innerText(), 'Loss');
  await (await headOf('Loss')).click();
  await until('highest first', async () => ((await losses())[0] ?? 0) > 0.88);
  // From head to head by keys.
  await (await headOf('Loss')).press('ArrowRight');
  await workbench.page.keyboard.press('Enter');
  await until('by accuracy, highest first', async () => (await losses())[0] === 0.3);
});

step('what is typed in the table filters it, by options too', async () => {
  const frame = await page();
  await frame.locator('.grid').focus();
  await workbench.page.keyboard.type('learning_rate>5e-6 dataset:more');
  await until('few are left', async () => (await status()) === `4 of ${RUNS} runs`);
  assert.equal(await (await filterField()).inputValue(), 'learning_rate>5e-6 dataset:more');
  assert.deepEqual((await names()).sort(), ['rate sweep 41', 'rate sweep 47', 'rate sweep 53', 'rate sweep 59']);
  await workbench.page.keyboard.press('Escape');
  await until('all are back', async () => (await status()) === `${RUNS} runs`);
  await (await filterField()).fill('no such run');
  await frame.locator('.none', { hasText: 'No run matches' }).waitFor();
  await (await filterField()).fill('#tenth');
  await until('six are left', async () => (await status()) === `6 of ${RUNS} runs`);
});

step('a filter that means nothing says why, and the runs stay as they were', async () => {
  const frame = await page();
  const problem = frame.locator('.filter-problem');
  const field = frame.locator('.toolbar vscode-text-field');
  assert.equal(await problem.isVisible(), false);
  await (await filterField()).fill('#tenth beta>>0.2');
  await problem.waitFor();
  assert.equal(await problem.innerText(), '">>" is no comparison: write >, or put text in quotes.');
  assert.equal(await field.getAttribute('aria-invalid'), 'true');
  assert.equal(await status(), `6 of ${RUNS} runs`);
  await inEveryTheme(session, 'runs-table-filter-problem', page);
  await (await filterField()).fill('#tenth beta>much');
  await until('it says what is wrong now', async () => (await problem.innerText()).startsWith('"much" is no number, and beta is one'));
  await (await filterField()).fill('#tenth "beta>>0.2"');
  await until('in quotes it is text, which no run has', async () => (await status()) === `0 of ${RUNS} runs`);
  assert.equal(await problem.isVisible(), false);
  assert.equal(await field.getAttribute('aria-invalid'), null);
  await (await filterField()).fill('#tenth');
  await until('six are left', async () => (await status()) === `6 of ${RUNS} runs`);
});

step('runs are chosen by keys and tagged together', async () => {
  await (await filterField()).press('ArrowDown');
  await workbench.page.keyboard.press('Home');
  await workbench.page.keyboard.press('Space');
  await workbench.page.keyboard.press('Shift+ArrowDown');
  await workbench.page.keyboard.press('Shift+ArrowDown');
  await until('three are chosen', async () => (await status()) === `6 of ${RUNS} runs, 3 chosen`);
  const chosen = (await names()).slice(0, 3);
  await (await button('Tag…')).click();
  await workbench.type('Tag 3 Runs', 'tenth good');
  const frame = await page();
  await until('all three have it', async () => (await frame.locator('.run .tags', { hasText: '#good' }).count()) === 3);
  for (const name of chosen) assert.deepEqual((await readLabels(folders[Number(name.slice(-2)) - 1]!)).tags, ['tenth', 'good']);
  await (await button('Pin')).click();
  await until('all three are at the top', async () => (await frame.locator('.run .pin').count()) === 3);
  assert.equal((await readLabels(folders[Number(chosen[0]!.slice(-2)) - 1]!)).pinned, true);
  await frame.locator('.grid').focus();
  await workbench.page.keyboard.press('Escape');
  await until('none is chosen', async () => (await status()) === `6 of ${RUNS} runs`);
});

step('notes are Markdown, and what is HTML in them is not', async () => {
  const frame = await page();
  await frame.locator('.lines > .run', { hasText: 'rate sweep 30' }).click();
  await (await button('Notes')).click();
  const read = frame.locator('.notes-read');
  await read.locator('strong', { hasText: 'best' }).waitFor();
  assert.equal(await read.locator('h3').innerText(), 'Why');
  assert.equal(await read.locator('.task [role=img]').count(), 2);
  assert.equal(await read.locator('img').count(), 0);
  assert.ok((await read.innerText()).includes('<img src=x'));
  assert.equal(await read.locator('a').getAttribute('href'), null);
  await (await button('Edit')).click();
  await frame.locator('.notes-edit').fill('Use *this* one');
  await frame.locator('.notes-edit').press('Control+Enter');
  await read.locator('em', { hasText: 'this' }).waitFor();
  assert.equal((await readLabels(folders[29]!)).notes, 'Use *this* one');
  assert.deepEqual((await readLabels(folders[29]!)).tags.slice(0, 1), ['tenth'], 'what else is known of it stays');
});

step('it is usable by everybody, in four themes', async () => {
  await (await filterField()).fill('');
  await until('all are back', async () => (await status()).startsWith(`${RUNS} runs`));
  await inEveryTheme(session, 'runs-table', page);
});

step('in high contrast a line goes round the chosen runs, their names included', async () => {
  const frame = await page();
  await frame.locator('.grid').focus();
  for (const key of ['Escape', 'Home', 'Space', 'ArrowDown', 'Space', 'ArrowDown']) await workbench.page.keyboard.press(key);
  await until('two are chosen', async () => (await status()).includes('2 chosen'));
  await session.theme('Default High Contrast');
  await workbench.themed('hc-black');
  const lines = frame.locator('.lines > .line.selected');
  await until('they are outlined', async () =>
    (await lines.evaluateAll((all) => all.map((line) => getComputedStyle(line, '::after').outlineStyle))).every(
      (style) => style === 'dashed',
    ),
  );
  for (const place of await lines.evaluateAll((all) =>
    all.map((line) =>
      [getComputedStyle(line, '::after'), getComputedStyle(line.querySelector('.run-name')!)].map(({ zIndex }) => Number(zIndex)),
    ),
  ))
    assert.ok(place[0]! > place[1]!, place.join());
  await workbench.screenshot('runs-table-chosen-high-contrast');
  await session.theme('Default Dark Modern');
  await workbench.themed('vs-dark');
  await frame.locator('.grid').focus();
  await workbench.page.keyboard.press('Escape');
  await until('none is chosen', async () => !(await status()).includes('chosen'));
});

step('it is grouped by any column, and groups close', async () => {
  const frame = await page();
  await (await button('Notes')).click();
  const choose = async (label: string): Promise<void> => {
    await frame.locator('.group-by vscode-dropdown').click();
    await frame.locator('.group-by vscode-option', { hasText: label }).first().click();
  };
  await choose('By beta');
  await until('there are two groups', async () => (await frame.locator('.grid').getAttribute('aria-rowcount')) === String(RUNS + 3));
  await frame.locator('.grid').evaluate((grid) => (grid.scrollTop = 0));
  const heading = frame.locator('.lines > .group').first();
  assert.match(await heading.innerText(), /beta: 0\.1\s*30 runs/);
  await heading.click();
  await until('it is closed', async () => (await frame.locator('.grid').getAttribute('aria-rowcount')) === String(RUNS + 3 - 30));
  assert.equal(await heading.getAttribute('aria-expanded'), 'false');
  await frame.locator('.grid').press('ArrowRight');
  await until('it is open again', async () => (await heading.getAttribute('aria-expanded')) === 'true');
  await inEveryTheme(session, 'runs-table-groups', page);
  assert.equal(
    await frame.locator('.group-by vscode-dropdown').evaluate((dropdown) => (dropdown as HTMLSelectElement).value),
    'training.beta',
  );
  await choose('No groups');
  await until('there are none', async () => (await frame.locator('.lines > .group').count()) === 0);
});

step('columns are chosen, and kept when the table is closed', async () => {
  const frame = await page();
  await (await button('Columns…')).click();
  await frame.locator('.chooser vscode-text-field input').fill('warmup_ratio');
  await frame.locator('.chooser label', { hasText: 'warmup_ratio' }).click();
  await until('it is shown', async () => (await heads()).includes('warmup_ratio'));
  await frame.locator('.chooser vscode-text-field input').fill('created');
  await frame.locator('.chooser label', { hasText: 'Created' }).click();
  await until('it is not shown', async () => !(await heads()).includes('Created'));
  await workbench.screenshot('runs-table-columns');
  await workbench.command('View: Close All Editors');
  await workbench.command('Wishbone: Show Runs as a Table');
  await until('both are kept', async () => {
    const shown = await heads();
    return shown.includes('warmup_ratio') && !shown.includes('Created');
  });
});

step('what is shown is saved as CSV', async () => {
  await (await filterField()).fill('#tenth state:failed');
  await until('three are left', async () => (await status()) === `3 of ${RUNS} runs`);
  await (await button('Save as CSV…')).click();
  const file = join(session.workspace, 'some.csv');
  await workbench.saveAs(file);
  const text = await until('it is written', async () => readFile(file, 'utf8').catch(() => undefined));
  const [head, ...lines] = text.trim().split('\n');
  assert.ok(head!.startsWith('name,state,loss,accuracy,margin'), head);
  assert.ok(head!.endsWith('training.warmup_ratio') || head!.includes('training.warmup_ratio'), head);
  assert.equal(lines.length, 3);
  assert.ok(
    lines.every((line) => /^rate sweep [246]0,failed,/.test(line)),
    text,
  );
});

step('chosen runs are deleted after one question that names them', async () => {
  const frame = await page();
  await frame.locator('.grid').focus();
  await workbench.page.keyboard.press('Control+A');
  await workbench.page.keyboard.press('Delete');
  await dialog().waitFor();
  const text = await dialog().innerText();
  // A machine that is reached by a browser has no trash, and the question says so.
  assert.match(text, /Delete 3 runs permanently\?/);
  for (const name of ['20', '40', '60']) assert.ok(text.includes(`rate sweep ${name}`), text);
  await workbench.page.keyboard.press('Enter');
  await dialog().waitFor({ state: 'detached' });
  await access(folders[19]!);
  await (await button('Delete…')).click();
  await dialog().locator('.monaco-button', { hasText: 'Delete Permanently' }).click();
  await until('they are gone', async () => (await status()) === `0 of ${RUNS - 3} runs`);
  assert.equal((await runsIn(session.workspace)).length, RUNS - 3);
});

step('a run that goes on, or a new one, shows by itself', async () => {
  await (await filterField()).fill('newcomer');
  await makeRun(session.workspace, 'newcomer', { events: startLine({ steps: 4 }) + eventLine('finished', { steps: 4, seconds: 1 }) });
  await until('it is there', async () => (await names()).join() === 'newcomer');
  assert.equal(await status(), `1 of ${RUNS - 2} runs`);
});

step('two runs are compared, and one is opened by Enter', async () => {
  const frame = await page();
  await (await filterField()).fill('"sweep 1"');
  await until('ten are left', async () => (await status()).startsWith('10 of'));
  await frame.locator('.lines > .run', { hasText: 'rate sweep 11' }).click();
  await frame.locator('.lines > .run', { hasText: 'rate sweep 12' }).locator('.mark').click();
  await (await button('Compare')).click();
  await until('they are compared', async () => (await workbench.tabs()).includes('Comparison of 2 Runs'));
  const comparison = await workbench.webview('main#run #comparison-notes');
  await comparison.locator('#comparison-notes vscode-button', { hasText: 'Edit' }).click();
  await comparison.locator('.notes-edit').fill('11 is **better**');
  await comparison.locator('#comparison-notes vscode-button', { hasText: 'Save' }).click();
  await comparison.locator('.notes-read strong', { hasText: 'better' }).waitFor();
  assert.equal(await readComparisonNotes([folders[11]!, folders[10]!]), '11 is **better**');
  await workbench.screenshot('runs-table-comparison');
  await workbench.command('Wishbone: Show Runs as a Table');
  const again = await page();
  await again.locator('.lines > .run', { hasText: 'rate sweep 13' }).click();
  await workbench.page.keyboard.press('Enter');
  await until('it is opened', async () => (await workbench.tabs()).includes('rate sweep 13'));
});
