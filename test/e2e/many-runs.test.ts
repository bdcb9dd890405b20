// Forty runs: to be sorted, filtered, tagged, stopped and deleted together, with figures that are in view.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { after, before } from 'node:test';
import { promisify } from 'node:util';
import { readLabels, writeLabels } from '../../src/core/run/index.js';
import { evalLine, eventLine, startLine, stepLine } from '../unit/run/support.js';
import { makeRun } from './support/made-runs.js';
import { runsIn } from './support/runs.js';
import { Session } from './support/session.js';
import { oneAfterAnother } from './support/steps.js';
import { until, type Workbench } from './support/workbench.js';

const cli = resolve(import.meta.dirname, '../../dist/cli.js');
const RUNS = 40;
const step = oneAfterAnother();
let session: Session;
let workbench: Workbench;
const folders: string[] = [];

before(async () => {
  session = await Session.start();
  workbench = session.workbench;
  for (let run = 1; run <= RUNS; run++) folders.push(await madeRun(run));
  await workbench.open(session.url);
  await workbench.page.setViewportSize({ width: 900, height: 900 });
  await workbench.command('Wishbone: Focus on Runs View');
});

after(async () => {
  await workbench?.screenshot('many-last').catch(() => undefined);
  await session?.stop();
});

async function madeRun(run: number): Promise<string> {
  const end =
    run % 10 === 0
      ? eventLine('failed', { what: 'w', where: 'x', advice: 'a', exitCode: 5 })
      : eventLine('finished', { steps: 20, seconds: 9 });
  const steps = Array.from({ length: 20 }, (_, i) => stepLine(i + 1, { steps: 20 })).join('');
  const loss = 0.3 + ((run * 7) % RUNS) / 100;
  const folder = await makeRun(session.workspace, `sweep of learning rates, number ${run}`, {
    events:
      startLine({ steps: 20 }) + steps + evalLine(20, { steps: 20, eval_loss: loss, 'eval_rewards/accuracies': 0.4 + loss / 2 }) + end,
    training: { eval_steps: 20 },
    dataset: { path: join(session.workspace, run <= 30 ? 'preferences.jsonl' : 'more.jsonl') },
  });
  if (run % 5 === 0) await writeLabels(folder, { tags: ['fifth'] });
  return folder;
}

const rowLocator = (text: string | RegExp) =>
  workbench.page.locator('.part.sidebar .pane:has(.pane-header[aria-label^="Runs"]) .monaco-list-row', { hasText: text });

async function rows(): Promise<string[]> {
  const texts = await workbench.page
    .locator('.part.sidebar .pane:has(.pane-header[aria-label^="Runs"]) .monaco-list-row')
    .evaluateAll((all) =>
      all
        .sort((a, b) => Number(a.getAttribute('data-index')) - Number(b.getAttribute('data-index')))
        .map((row) => (row as HTMLElement).innerText),
    );
  return texts.map((text) => text.replaceAll('\n', ' '));
}

const message = (): Promise<string> =>
  workbench.page.locator('.part.sidebar .pane:has(.pane-header[aria-label^="Runs"]) .message').innerText();

async function filter(text: string): Promise<void> {
  await workbench.command('Wishbone: Filter Runs…');
  // Another entry may begin like it, and be first until the list has followed what was typed.
  await workbench.type('Filter Runs', text, `${text}show `);
}

/** Runs of the list, by keys: the first, and those up to the last with Shift. */
async function select(first: string, last: string): Promise<void> {
  await rowLocator(first).click({ modifiers: ['Control'] });
  await rowLocator(last).click({ modifiers: ['Shift'] });
}

/** Chooses an entry of the context menu of a run. */
async function choose(run: string, entry: string): Promise<void> {
  await rowLocator(run).click({ button: 'right' });
  const item = workbench.page.locator('.monaco-menu .action-label', { hasText: entry }).first();
  // A menu takes no click in its first moments, so that the one which opened it chooses nothing.
  await until(`${entry} is chosen`, async () => {
    await item.click({ timeout: 5000 });
    return item.waitFor({ state: 'detached', timeout: 1000 }).then(() => true);
  });
}

const dialog = () => workbench.page.locator('.monaco-dialog-box');

step('figures of runs with long names are in view, whole', async () => {
  await until('the runs are there', async () => (await rows()).some((row) => row.includes('sweep')));
  const first = workbench.page.locator('.part.sidebar .monaco-list-row', { hasText: 'sweep' }).first();
  const text = (await first.innerText()).replaceAll('\n', ' ');
  assert.match(text, /\d+% 0\.\d{3} · eval/);
  // What is cut off ends beyond its box.
  const fits = await first.locator('.label-description').evaluate((element) => {
    const range = document.createRange();
    const node = document.createTreeWalker(element, NodeFilter.SHOW_TEXT).nextNode()!;
    const end = /^\d+% [\d.]+/.exec(node.textContent!.replaceAll('\u00a0', ' '))![0].length;
    range.setStart(node, 0);
    range.setEnd(node, end);
    const row = element.closest('.monaco-list-row')!.getBoundingClientRect();
    const box = element.closest('.monaco-icon-label')!.getBoundingClientRect();
    return range.getBoundingClientRect().right <= Math.min(row.right, box.right) + 0.5;
  });
  assert.ok(fits, 'accuracy and loss are not cut off');
  await workbench.screenshot('many-runs');
});

step('runs are filtered by text, tag, state and dataset, and what is left out is said', async () => {
  await filter('#fifth');
  await until('eight are left', async () => (await message()) === `8 of ${RUNS} runs · #fifth`);
  await filter('#fifth state:failed');
  await until('four are left', async () => (await message()).startsWith(`4 of ${RUNS} runs`));
  await filter('state:failed dataset:more');
  await until('one is left', async () => (await rows()).filter((row) => row.includes('sweep')).length === 1);
  await filter('number 17');
  await until('one is left by its name', async () => (await message()).startsWith(`1 of ${RUNS} runs`));
  await workbench.screenshot('many-filtered');
  await filter('no such run');
  await until('there is a way back', async () =>
    workbench.page.locator('.welcome-view-content', { hasText: 'No run matches the filter' }).isVisible(),
  );
  await workbench.page.locator('.welcome-view-content .monaco-button', { hasText: 'Show All Runs' }).click();
  await until('all are back', async () => (await rows()).some((row) => /more\.jsonl\s*10 runs/.test(row)));
});

step('terms are offered while one types', async () => {
  await workbench.command('Wishbone: Filter Runs…');
  await workbench.pick('#fifth');
  await workbench.pick('show 8 of 40 runs');
  await until('eight are left', async () => (await message()) === `8 of ${RUNS} runs · #fifth`);
});

step('runs are sorted, and both are kept over a reload', async () => {
  await workbench.command('Wishbone: Sort Runs…');
  await workbench.pick('Loss, lowest first');
  const losses = async (): Promise<number[]> => {
    const shown = (await rows()).flatMap((row) => /\d+% ([\d.]+) · eval/.exec(row)?.[1] ?? []).map(Number);
    // Within each of the two datasets.
    return shown.slice(0, 2);
  };
  await until('they are in order', async () => {
    const [a, b] = await losses();
    return a !== undefined && b !== undefined && a < b;
  });
  // The view that was open comes back, not the explorer, by which a window is otherwise taken for ready.
  await workbench.page.reload();
  await until('the filter is still there', async () => (await message()) === `8 of ${RUNS} runs · #fifth`);
  await workbench.command('Wishbone: Sort Runs…');
  await workbench.pick('Name');
  await workbench.command('Wishbone: Show All Runs');
});

step('tags are given to all of a selection, and what each has beside them stays', async () => {
  await filter('dataset:more');
  await until('ten are left', async () => (await message()).startsWith(`10 of ${RUNS} runs`));
  await until('they are drawn in order', async () => /number 31|er 31/.test((await rows())[1] ?? ''));
  await select('er 31', 'er 35');
  await choose('er 33', 'Tag Run…');
  await workbench.type('Tag 5 Runs', 'sweep');
  await until('all five have it', async () => (await rows()).filter((row) => row.includes('#sweep')).length === 5);
  for (const at of [31, 32, 33, 34]) assert.deepEqual((await readLabels(folders[at - 1]!)).tags, ['sweep']);
  assert.deepEqual((await readLabels(folders[34]!)).tags, ['fifth', 'sweep']);
});

step('a selection is deleted after one question that names its runs, and keeping them is what Enter does', async () => {
  await select('er 31', 'er 35');
  await choose('er 33', 'Delete Run…');
  await dialog().waitFor();
  const text = await dialog().innerText();
  assert.match(text, /Delete 5 runs permanently\?/);
  for (const at of [31, 32, 33, 34, 35]) assert.ok(text.includes(`sweep of learning rates, number ${at}`), text);
  assert.ok(!text.includes(basename(folders[30]!)), 'no folder ids');
  await workbench.screenshot('many-delete');
  assert.equal(await workbench.page.evaluate(() => document.activeElement?.textContent), 'Keep Runs');
  await workbench.page.keyboard.press('Enter');
  await dialog().waitFor({ state: 'detached' });
  for (const at of [31, 35]) await access(folders[at - 1]!);

  await choose('er 33', 'Delete Run…');
  await dialog().locator('.monaco-button', { hasText: 'Delete Permanently' }).click();
  await until('they are gone', async () => (await message()).startsWith(`5 of ${RUNS - 5} runs`));
  assert.equal((await runsIn(session.workspace)).length, RUNS - 5);
});

step('runs at work are stopped together after one question', async () => {
  await workbench.command('Wishbone: Show All Runs');
  const options = ['--model', 'tiny-llama', '--epochs', '400', '--backend', 'cpu', '--threads', '1', '--detach'];
  for (const name of ['long a', 'long b'])
    await promisify(execFile)(process.execPath, [cli, 'train', 'preferences.jsonl', '--name', name, ...options], {
      cwd: session.workspace,
    });
  await filter('long');
  const spinning = () => workbench.page.locator('.part.sidebar .monaco-list-row', { hasText: 'long' }).locator('.codicon-modifier-spin');
  await until('both are at work', async () => (await spinning().count()) === 2);
  await select('long a', 'long b');
  await choose('long a', 'Stop Run');
  await dialog().waitFor();
  const text = await dialog().innerText();
  assert.match(text, /Stop 2 Runs\?/);
  assert.ok(text.includes('long a') && text.includes('long b'));
  await dialog().locator('.monaco-button', { hasText: 'Stop 2 Runs' }).click();
  await until('both have stopped', async () => (await rows()).filter((row) => /long.*stopped/.test(row)).length === 2);
});

step('in a narrow window names leave room for what they are the names of', async () => {
  const share = async (page: string, name: string, box: string): Promise<number> => {
    const frame = await workbench.webview(`${page} ${name}`);
    const width = (selector: string) =>
      frame
        .locator(selector)
        .first()
        .evaluate((element) => element.clientWidth);
    return (await width(name)) / (await width(box));
  };
  await workbench.command('Wishbone: Compare Runs…');
  for (const name of ['number 40', 'number 39']) await workbench.pick(`sweep of learning rates, ${name}`);
  await workbench.page.keyboard.press('Enter');
  const comparison = await workbench.webview('main#run .results table');
  await workbench.sideBar(false);
  await workbench.page.setViewportSize({ width: 360, height: 900 });
  await until('figures have room', async () => (await share('main#run', '.results tbody th', '.results .table-scroll')) < 0.7);
  const out = await comparison.locator('.legend').evaluate((legend) => {
    const { right } = legend.getBoundingClientRect();
    return [...legend.querySelectorAll('.remove')].filter((button) => button.getBoundingClientRect().right > right).length;
  });
  assert.equal(out, 0, 'every run can be taken out');
  await workbench.screenshot('many-narrow-comparison');
  await workbench.command('Wishbone: Show Runs as a Table');
  await until('so they have in the table', async () => (await share('main#runs', '.run-name', '.grid')) < 0.7);
  await workbench.screenshot('many-narrow-table');
});
