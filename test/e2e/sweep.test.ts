// A sweep from the launch form: several values, its queue in the Runs view, paused, taken up again after a reload, a run skipped, its runs as a table.

import assert from 'node:assert/strict';
import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { queueOf, readSweep, type SweepRecord, sweepFile } from '../../src/core/sweep/index.js';
import { LaunchForm } from './support/form.js';
import { runsIn } from './support/runs.js';
import { Session } from './support/session.js';
import { oneAfterAnother } from './support/steps.js';
import { inEveryTheme } from './support/themes.js';
import { until, type Workbench } from './support/workbench.js';

const step = oneAfterAnother();
let session: Session;
let workbench: Workbench;
let form: LaunchForm;
let config: string;
let record: string;

before(async () => {
  session = await Session.start();
  workbench = session.workbench;
  form = new LaunchForm(workbench);
  config = join(session.workspace, 'rates.wishbone.json');
  record = sweepFile(join(session.workspace, '.wishbone/runs'), 'rates');
  await workbench.open(session.url);
});

after(async () => {
  await workbench?.screenshot('sweep-last').catch(() => undefined);
  // Its process outlives the window.
  const queue = record === undefined ? undefined : await queueOf(record);
  if (queue !== undefined) process.kill(queue.pid, 'SIGKILL');
  await session?.stop();
});

const field = async (id: string) => (await form.frame()).locator(`[data-field="${id}"]`);
const several = async (id: string): Promise<void> => {
  const folded = (await form.frame()).locator(`details:not([open]):has([data-field="${id}"]) summary`);
  if ((await folded.count()) > 0) await folded.click();
  await (await field(id)).locator('.several').click();
};
const pane = async (): Promise<string> => (await form.frame()).locator('.sweep').innerText();
const sideBar = () => workbench.page.locator('.part.sidebar');
const row = (name: string) => sideBar().locator('.monaco-list-row', { hasText: name }).first();
const rowText = async (name: string): Promise<string> => (await row(name).innerText()).replaceAll('\u00a0', ' ').replace(/\s+/g, ' ');
const shows = (name: string, what: RegExp): Promise<true> => until(`${name} is ${what.source}`, async () => what.test(await rowText(name)));
/** A button of a row, which is there while the mouse is over it. */
const act = async (name: string, action: string): Promise<void> => {
  await until(`${action} of ${name}`, async () => {
    await row(name).hover({ timeout: 5000 });
    await row(name).locator(`.action-label[aria-label^="${action}"]`).click({ timeout: 5000 });
    return true;
  });
};
const kept = async (): Promise<SweepRecord> => (await readSweep(record))!;
const states = async (): Promise<string[]> => {
  const { trials } = await kept();
  return trials.map(({ folder, skipped }) => skipped ?? (folder === undefined ? 'none' : 'run'));
};

step('fields are given several values, each checked, and the form says how many runs come of it', async () => {
  await workbench.command('Wishbone: Launch Run…');
  await form.type('dataset', 'preferences.jsonl');
  await form.type('name', 'rates');
  await form.figures();
  const frame = await form.frame();
  assert.equal(await frame.locator('.several:visible').count(), 0, 'nobody who launches a run sees anything of it');
  await frame.locator('vscode-checkbox', { hasText: 'Several values' }).click();
  await until('it says what it launches', async () => (await frame.locator('h1').textContent()) === 'Launch Sweep');
  assert.ok(
    (await workbench.tabs()).some((tab) => tab.includes('Launch Sweep')),
    'so does its tab',
  );
  await until('it waits for several values', async () => /Give a setting several values/.test(await form.reason()));
  await several('training.beta');
  await form.type('training.beta', '0.05, much');
  await until('the value is refused', async () => /found "much"/.test(await form.text('training.beta')));
  await form.type('training.beta', '0.05, 0.3');
  await several('plan.seed');
  await form.type('plan.seed', '1, 2');
  await form.type('plan.epochs', '3');
  await until('four runs', async () => /^Sweep\s+4 runs\s+Beta: 0\.05, 0\.3\s+Seed: 1, 2\s/.test(await pane()));
  // Choices are boxes.
  await several('training.lr_scheduler_type');
  await (await field('training.lr_scheduler_type')).locator('vscode-checkbox', { hasText: 'linear' }).click();
  await until('eight runs', async () => /8 runs/.test(await pane()));
  await several('training.loss_type');
  await (await field('training.loss_type')).locator('vscode-button', { hasText: 'Add Value' }).click();
  await (await field('training.loss_type')).locator('input').nth(1).fill('ipo');
  await until('sixteen runs', async () => /16 runs/.test(await pane()));
  await inEveryTheme(session, 'sweep-form', () => form.frame());
  for (const id of ['training.loss_type', 'training.lr_scheduler_type']) await several(id);
  await until('four again', async () => /4 runs/.test(await pane()));
  assert.equal(await frame.locator('.start vscode-button').first().innerText(), 'Start Sweep');
});

step('a reload of the window keeps the values', async () => {
  // The browser writes it in its own time.
  await workbench.kept('training.beta plan.seed', '0.05, 0.3');
  await workbench.reload();
  await until('they are back', async () => /4 runs/.test(await pane()));
  assert.equal(await form.value('training.beta'), '0.05, 0.3');
});

step('hopeless runs are stopped early on the terms of the command line', async () => {
  const frame = await form.frame();
  await (await field('sweep.halving')).locator('vscode-checkbox').click();
  await until('it wants steps', async () => /Give the steps/.test(await form.text('sweep.rungs')));
  await form.type('sweep.rungs', '10');
  await until('it wants data', async () => /needs data to evaluate on/.test(await form.text('sweep.halving')));
  await frame.locator('[data-field="sweep.metric"]').scrollIntoViewIfNeeded();
  await workbench.screenshot('sweep-form-halving');
  await (await field('sweep.halving')).locator('vscode-checkbox').click();
  await until('it is gone', async () => (await form.reason()) === '');
});

step('it is started: a run config that can be run by hand, and a queue in the Runs view', async () => {
  // So long that there is time to look at it.
  await form.type('plan.epochs', '40');
  await until('it may be started', async () => (await form.reason()) === '' && /4 runs/.test(await pane()));
  await form.figures();
  await form.press('Start Sweep');
  await until('the config is there', async () => access(config).then(() => true));
  assert.deepEqual(JSON.parse(await readFile(config, 'utf8')), {
    version: 1,
    name: 'rates',
    preset: 'quick',
    model: 'tiny-llama',
    dataset: 'preferences.jsonl',
    plan: { epochs: 40 },
    sweep: { values: { 'training.beta': [0.05, 0.3] }, seeds: [1, 2] },
  });
  await shows('rates', /0\/4 done · 1 at work · 3 waiting/);
  await shows('beta=0.05 seed=2', /next/);
  await shows('beta=0.3 seed=2', /waiting \(3\)/);
  assert.deepEqual(await workbench.tabs(), [], 'the form is done');
});

step('a run is put first, and the sweep is paused', async () => {
  await act('beta=0.3 seed=2', 'Put Run of Sweep First');
  await shows('beta=0.3 seed=2', /next/);
  await workbench.screenshot('sweep-view');
  await act('rates', 'Pause Sweep');
  await shows('rates', /paused · 0\/4 done · 4 waiting/);
  assert.equal(await queueOf(record), undefined);
});

step('after a reload of the window it goes on', async () => {
  // The view comes back with the window.
  await workbench.page.reload();
  await shows('rates', /paused/);
  await shows('beta=0.05 seed=1', /stopped/);
  await act('rates', 'Go On with Sweep');
  await shows('rates', /^rates ?0\/4 done · 1 at work/);
  assert.deepEqual(await states(), ['run', 'none', 'none', 'run'], 'what was put first has begun');
});

step('a queue that was killed says so, and is taken up again', async () => {
  process.kill((await queueOf(record))!.pid, 'SIGKILL');
  await shows('rates', /its process is gone · 0\/4 done · 1 at work/);
  await workbench.screenshot('sweep-view-gone');
  await workbench.command('Wishbone: Go On with Sweep');
  await workbench.pick('rates');
  await shows('rates', /^rates ?0\/4 done · 1 at work/);
  assert.equal((await runsIn(session.workspace)).length, 2, 'its run was taken over');
});

step('a run at work is skipped, and another takes its place', async () => {
  await act('beta=0.3 seed=2', 'Skip Run of Sweep');
  await shows('beta=0.3 seed=2', /skipped/);
  await shows('rates', /0\/4 done · 1 at work · 2 waiting · 1 skipped/);
  await shows('beta=0.05 seed=1', /\d+%/);
  assert.deepEqual(await states(), ['run', 'none', 'none', 'passed over']);
  await act('rates', 'Pause Sweep');
  await shows('rates', /paused/);
  // Nobody works on it: its record is changed.
  await act('beta=0.05 seed=1', 'Skip Run of Sweep');
  await shows('rates', /paused · 0\/4 done · 2 waiting · 2 skipped/);
});

step('the form is filled from the config again, and its change is asked about', async () => {
  await workbench.command('Wishbone: Launch Run from Config…');
  await workbench.pick('rates.wishbone.json');
  await until('its values are there', async () => /4 runs/.test(await pane()));
  assert.deepEqual([await form.value('training.beta'), await form.value('plan.seed')], ['0.05, 0.3', '1, 2']);
  await form.type('plan.max_steps', '3');
  await until('it is forecast', async () => (await form.figures())['Steps'] === '3');
  // By now it is known how fast steps are.
  await until('the time is told', async () => /One after another: about .*, if each takes as long as the first/.test(await pane()));
  await workbench.screenshot('sweep-form-time');
  await form.press('Start Sweep');
  const dialog = workbench.page.locator('.monaco-dialog-box');
  await dialog.waitFor();
  assert.match(await dialog.innerText(), /rates\.wishbone\.json says something else than the form/);
  await workbench.screenshot('sweep-overwrite');
  await dialog.locator('.monaco-button', { hasText: 'Overwrite' }).click();
  await until('it is written', async () => /"max_steps": 3\b/.test(await readFile(config, 'utf8')));
});

step('it ends: what was left is trained, once', async () => {
  await shows('rates', /^rates ?2\/4 done · 2 skipped$/);
  assert.equal((await runsIn(session.workspace)).length, 4);
  await until('its end is told', async () =>
    (await workbench.notifications()).some((text) => text.includes('The sweep rates has ended: 2/4 done · 2 skipped.')),
  );
  await until('its process has ended', async () => (await queueOf(record)) === undefined);
  await inEveryThemeOfView('sweep-done');
});

step('with other settings than its runs were begun with it is another sweep', async () => {
  await workbench.command('Wishbone: Launch Run from Config…');
  await workbench.pick('rates.wishbone.json');
  await until('its values are there', async () => /4 runs/.test(await pane()));
  await form.type('plan.max_steps', '4');
  await until('it is forecast', async () => (await form.figures())['Steps'] === '4');
  await form.press('Start Sweep');
  const dialog = workbench.page.locator('.monaco-dialog-box');
  await dialog.waitFor();
  assert.match(await dialog.innerText(), /2 runs of its sweep were begun with other settings/);
  await workbench.screenshot('sweep-other-settings');
  const buttons = (await dialog.locator('.monaco-button').allInnerTexts()).filter((text) => text !== '');
  assert.deepEqual(buttons.sort(), ['Cancel', 'Write a New File']);
  await dialog.locator('.monaco-button', { hasText: 'Cancel' }).click();
  assert.match(await readFile(config, 'utf8'), /"max_steps": 3\b/);
  await workbench.command('View: Close All Editors');
});

async function inEveryThemeOfView(name: string): Promise<void> {
  for (const [suffix, theme, base] of [
    ['light', 'Default Light Modern', 'vs'],
    ['high-contrast', 'Default High Contrast', 'hc-black'],
    ['dark', 'Default Dark Modern', 'vs-dark'],
  ] as const) {
    await session.theme(theme);
    await workbench.themed(base);
    await workbench.screenshot(`${name}-${suffix}`);
  }
}

step('its runs are a table, those of a setting together', async () => {
  await act('rates', 'Show Sweep as a Table');
  const table = await workbench.webview('main#runs .grid');
  await until('its four runs are there', async () => (await table.locator('.toolbar .count').innerText()).startsWith('4'));
  const groups = await table.locator('.lines > .group').allInnerTexts();
  assert.equal(groups.length, 2);
  assert.match(groups[0]!, /beta: 0\.05\s*2 runs/);
  assert.match(groups[1]!, /beta: 0\.3\s*2 runs/);
  await workbench.screenshot('sweep-table');
});

step('a record that is damaged is said to be, and removed after a question', async () => {
  const broken = sweepFile(join(session.workspace, '.wishbone/runs'), 'broken');
  await mkdir(join(broken, '..'), { recursive: true });
  await writeFile(broken, '{ "config": 1');
  await shows('broken', /its record is damaged/);
  await workbench.screenshot('sweep-broken');
  await workbench.command('Wishbone: Forget Sweep…');
  await workbench.pick('broken');
  const dialog = workbench.page.locator('.monaco-dialog-box');
  await dialog.locator('.monaco-button', { hasText: 'Forget Sweep' }).click();
  await until('it is gone', async () => (await row('broken').count()) === 0);
  assert.equal((await runsIn(session.workspace)).length, 4, 'runs stay');
});
