// What a run's panel is for beside its curves: labels, notes, settings, the way to masks; and how it behaves as a tab.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Frame } from 'playwright-core';
import { version } from '../../package.json';
import { readLabels, type RunConfig, writeForecast } from '../../src/core/run/index.js';
import { evalLine, eventLine, startLine, stepLine } from '../unit/run/support.js';
import { LaunchForm } from './support/form.js';
import { makeRun } from './support/made-runs.js';
import { RunPanel } from './support/panel.js';
import { type RunOnDisk, runsIn } from './support/runs.js';
import { Session } from './support/session.js';
import { oneAfterAnother } from './support/steps.js';
import { inEveryTheme } from './support/themes.js';
import { until, type Workbench } from './support/workbench.js';

const step = oneAfterAnother();
let session: Session;
let workbench: Workbench;
let panel: RunPanel;
let run: RunOnDisk;

before(async () => {
  session = await Session.start();
  workbench = session.workbench;
  panel = new RunPanel(workbench);
  const git = (...args: string[]): string =>
    execFileSync('git', ['-C', session.workspace, '-c', 'user.name=n', '-c', 'user.email=e@e', ...args], { encoding: 'utf8' });
  git('init', '-q');
  git('add', 'preferences.jsonl');
  git('commit', '-qm', 'data');
  await writeFile(
    join(session.workspace, 'preferences.jsonl'),
    `${(await readFile(join(session.workspace, 'preferences.jsonl'), 'utf8')).trim()}\n\n`,
  );
  await workbench.open(session.url);
  await workbench.page.setViewportSize({ width: 900, height: 900 });
});

after(async () => {
  await workbench?.screenshot('run-panel-last').catch(() => undefined);
  await session?.stop();
});

const page = (): Promise<Frame> => workbench.webview('main#run h1');

step('a run of the form notes what it was made with, and its settings have all of it', async () => {
  const form = new LaunchForm(workbench);
  await form.open();
  await form.type('dataset', 'preferences.jsonl');
  await form.type('name', 'with notes');
  await form.type('plan.epochs', '1');
  const recompute = (await form.frame()).locator('[data-field="runner.recompute"]');
  await recompute.locator('.control').click();
  await recompute.locator('vscode-option', { hasText: 'block' }).click();
  await until('the forecast of it', async () => {
    await form.figures();
    // What stands below a figure has no room in so narrow a window.
    const figures = await (await form.frame()).locator('.forecast-figures').textContent();
    return figures?.includes('activations of 3 of 4 layers are computed again') === true;
  });
  await form.start();
  await panel.reach('finished');
  [run] = (await runsIn(session.workspace)) as [RunOnDisk];
  const config = JSON.parse(await readFile(join(run.folder, 'run.json'), 'utf8')) as RunConfig;
  const commit = execFileSync('git', ['-C', session.workspace, 'rev-parse', 'HEAD'], { encoding: 'utf8' }).trim();
  assert.deepEqual(config.made_with, { wishbone: version, git: { commit, dirty: true } });

  const frame = await page();
  await frame.locator('summary', { hasText: 'Settings' }).click();
  const settings = await frame.locator('.settings-groups').innerText();
  const ran = await frame.locator('p.device').innerText();
  assert.match(ran, /^It ran on .+\. To save memory, activations of 3 of 4 layers were computed again\.$/);
  for (const option of [...Object.keys(config.plan), ...Object.keys(config.training), ...Object.keys(config.runner)])
    assert.ok(settings.includes(option), option);
  assert.ok(settings.includes(version) && settings.includes(`${commit.slice(0, 12)}, with uncommitted changes`));
  const command = await frame.locator('.command').innerText();
  assert.match(command, /^wishbone train \S*preferences\.jsonl --model \S*tiny-llama --name 'with notes' --preset standard /);
  await frame.locator('.all-settings').scrollIntoViewIfNeeded();
  await workbench.screenshot('run-settings');
});

step('where its time went is a bar with the seconds that the runner wrote down, beside what was predicted', async () => {
  const [finished] = await run.ofType('finished');
  const phases = finished!['phases'] as Readonly<Record<string, number>>;
  const total = Object.values(phases).reduce((sum, seconds) => sum + seconds, 0);
  const frame = await page();
  const spent = frame.locator('.spent');
  await spent.scrollIntoViewIfNeeded();
  assert.equal(await spent.locator('h2').innerText(), 'Where the time went');
  const [, share] = /^([\d.]+)% of [\d.]+ s was training$/.exec(await spent.locator('.summary').innerText()) ?? [];
  assert.ok(Math.abs(Number(share) - (100 * phases['train']!) / total) <= 0.51, `${share} % of ${JSON.stringify(phases)}`);
  // Each part is as long as its time, but for the few pixels that a very short one has at least.
  const bar = (await spent.locator('.spent-bar').boundingBox())!;
  const training = (await spent.locator('.spent-bar [data-phase="train"]').boundingBox())!;
  assert.ok(Math.abs(training.width / bar.width - phases['train']! / total) < 0.05);
  assert.match((await spent.locator('.spent-bar').getAttribute('aria-label')) ?? '', /Loading [\d.]+ s \([\d.]+%\).*Training .*Export /);
  const keys = await spent.locator('.spent-keys li').allInnerTexts();
  assert.equal(keys.length, await spent.locator('.spent-bar > div').count());
  assert.ok(
    keys.some((key) => /^Training [\d.]+ s, [\d.]+%$/.test(key)),
    keys.join('; '),
  );
  await workbench.screenshot('run-time');
});

step('all that takes time, and what the runner went on without, in dark, light and high contrast', async () => {
  const phases = { start: 1, load: 4, ceiling: 1.5, reference: 6, train: 40, evaluation: 5, samples: 2.5, checkpoints: 1.2, export: 3 };
  const told = { what: 'the checkpoint of step 4 could not be written: the disk is full', where: '/w/run', advice: 'Free some space.' };
  const folder = await makeRun(session.workspace, 'phases', {
    events:
      startLine({ steps: 2 }) +
      stepLine(1, { steps: 2 }) +
      eventLine('warning', told) +
      eventLine('warning', told) +
      stepLine(2, { steps: 2 }) +
      eventLine('finished', { steps: 2, seconds: 64.2, phases }),
  });
  await writeForecast(folder, { seconds: { load: 3, train: 44, export: 2 }, total: 49, sources: ['steps at the pace of harbor'] });
  await workbench.command('Wishbone: Open Run');
  await workbench.pick('phases');
  await panel.when('the run', ({ name }) => name === 'phases');
  const frame = await page();
  await until('all have a part', async () => (await frame.locator('.spent-bar > div').count()) === 8);
  assert.match(await frame.locator('.spent .summary').innerText(), /^62% of 1 min 04 s was training$/);
  assert.match(
    await frame.locator('.spent .predicted').innerText(),
    /^Predicted before the start: 49 s \(loading 3\.0 s, training 44 s, export 2\.0 s\)/,
  );
  const { notice } = await panel.snapshot();
  assert.equal(notice.match(/could not be written/g)?.length, 1, notice);
  assert.match(notice, /\/w\/run[\s\S]*Free some space\./);
  await inEveryTheme(session, 'run-phases', page);
  await workbench.command('View: Close All Editors');
  await workbench.command('Wishbone: Open Run');
  await workbench.pick('with notes');
  await panel.reach('finished');
});

step('it is renamed, tagged and written about from its panel', async () => {
  const frame = await page();
  await frame.locator('.link', { hasText: 'Rename…' }).click();
  await workbench.type('Rename Run', 'the first one');
  await until('the panel has the name', async () => (await panel.snapshot()).name === 'the first one');
  await until('so has its tab', async () => (await workbench.tabs()).includes('the first one'));
  await frame.locator('.link', { hasText: 'Tag…' }).click();
  await workbench.type('Tag Run', 'keep beta');
  await until('the panel has the tags', async () => (await frame.locator('.tags').innerText()) === '#keep #beta');
  await frame.locator('.link', { hasText: 'Notes' }).click();
  await workbench.page.keyboard.type('Learns, but slowly.');
  await until('they are kept', async () => (await readLabels(run.folder)).notes === 'Learns, but slowly.');
  assert.deepEqual((await readLabels(run.folder)).tags, ['keep', 'beta']);
  await workbench.kept(run.folder);
  await workbench.reload();
  await until('they are back', async () => (await (await page()).locator('.notes-text').inputValue()) === 'Learns, but slowly.');
});

step('masks and packing are a click away', async () => {
  await (await page()).locator('.link', { hasText: 'Masks' }).click();
  await workbench.webview('main#mask canvas');
  await workbench.page.getByRole('tab', { name: 'the first one', exact: true }).click();
  await (await page()).locator('.link', { hasText: 'Packing' }).click();
  await workbench.webview('main#packing canvas');
  await workbench.command('View: Close All Editors');
});

step('a chart opens large and small again, and the crosshair says which step', async () => {
  await workbench.command('Wishbone: Open Run');
  await workbench.pick('the first one');
  await panel.reach('finished');
  const frame = await page();
  const chart = frame.locator('.chart').nth(1);
  await chart.scrollIntoViewIfNeeded();
  const small = (await chart.locator('.canvas').boundingBox())!;
  await chart.locator('.enlarge').click();
  await until('it is large', async () => {
    const large = (await chart.locator('.canvas').boundingBox())!;
    return (
      large.height > 1.8 * small.height &&
      (await chart.locator('.canvas canvas').evaluate((canvas) => canvas.clientHeight)) > 1.8 * small.height
    );
  });
  await chart.locator('.canvas').hover({ position: { x: 250, y: 60 } });
  await until('the step is named', async () => /^step \d+$/.test(await frame.locator('.readout:visible .place').innerText()));
  await workbench.screenshot('run-large');
  await chart.locator('.canvas').focus();
  await workbench.page.keyboard.press('Escape');
  await workbench.page.keyboard.press('Escape');
  await until('it is small', async () => (await chart.locator('.canvas').boundingBox())!.height < 1.2 * small.height);
});

step('what is told of a run does not move the charts under the pointer', async () => {
  const lines = Array.from({ length: 80 }, (_, i) => stepLine(i + 1, { steps: 200 })).join('');
  const folder = await makeRun(session.workspace, 'pointed at', {
    events: startLine({ steps: 200 }) + lines + evalLine(40, { eval_loss: 0.5, steps: 200 }),
    training: { eval_steps: 20 },
  });
  await workbench.command('Wishbone: Open Run');
  await workbench.pick('pointed at');
  await panel.when('the run', ({ name }) => name === 'pointed at');
  const frame = await page();
  const plot = frame.locator('.chart .canvas').first();
  await plot.scrollIntoViewIfNeeded();
  await plot.hover();
  const before = (await plot.boundingBox())!;
  const worse = [60, 80].map((at) => evalLine(at, { eval_loss: 0.5 + at / 100, steps: 200, best: false })).join('');
  await appendFile(join(folder, 'events.jsonl'), worse);
  await until('it is warned of', async () => /has become worse since step 40/.test((await panel.snapshot()).notice));
  assert.equal((await panel.snapshot()).figures['Eval loss'], '1.300');
  const after = (await plot.boundingBox())!;
  assert.ok(Math.abs(after.y - before.y) < 1 && after.height === before.height, `the chart is where it was: ${before.y}, ${after.y}`);
  await workbench.command('View: Close All Editors');
});

step('runs opened one after another from the view take turns in one tab, until one is kept', async () => {
  for (const name of ['run a', 'run b', 'run c'])
    await makeRun(session.workspace, name, {
      events: startLine({ steps: 1 }) + stepLine(1, { steps: 1 }) + eventLine('finished', { steps: 1, seconds: 1 }),
    });
  await workbench.command('Wishbone: Focus on Runs View');
  const row = (name: string) => workbench.page.locator(`.part.sidebar .monaco-list-row[aria-label^="${name},"]`);
  const open = async (name: string): Promise<void> => {
    await until(`${name} is opened`, async () => {
      await row(name).click();
      // Not clicked again at once: that would be a double click.
      for (let i = 0; i < 50; i++) {
        if ((await workbench.tabs()).includes(name)) return true;
        await sleep(100);
      }
      return false;
    });
    // Two clicks within half a second on the next run and this one are two single ones.
    await sleep(600);
    await panel.when(name, (shown) => shown.name === name);
  };
  await open('run a');
  await open('run b');
  assert.deepEqual(await workbench.tabs(), ['run b']);
  await open('run c');
  assert.deepEqual(await workbench.tabs(), ['run c']);
  await panel.press('Keep Open');
  await until('it is kept', async () => !(await (await page()).locator('vscode-button', { hasText: 'Keep Open' }).isVisible()));
  await open('run a');
  assert.deepEqual((await workbench.tabs()).sort(), ['run a', 'run c']);
  // A double click keeps it, as in the explorer.
  await row('run b').dblclick();
  await until('it is open', async () => (await workbench.tabs()).includes('run b'));
  await open('run a');
  assert.deepEqual((await workbench.tabs()).sort(), ['run a', 'run b', 'run c']);
});

step('the panel of a run in dark, light and high contrast, 900 pixels wide', async () => {
  await workbench.command('View: Close All Editors');
  await workbench.command('Wishbone: Open Run');
  await workbench.pick('the first one');
  await panel.reach('finished');
  await inEveryTheme(session, 'run-900', page);
});

step('ends of many runs are one notification', async () => {
  await workbench.clearNotifications();
  // A process that lives, in the runner's place; the session ends it as it does runners.
  const { pid } = spawn('sleep', ['600'], { stdio: 'ignore' });
  const alive = {
    pid,
    pidStart: Number((await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]!.split(' ')[19]),
    bootId: (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim(),
  };
  const folders: string[] = [];
  for (let i = 1; i <= 6; i++)
    folders.push(
      await makeRun(session.workspace, `many ${i}`, {
        events: startLine({ ...alive, steps: 2 }) + eventLine('phase', { phase: 'train' }) + stepLine(1, { steps: 2 }),
      }),
    );
  await until('they are at work', async () => /\b(6|7) runs\b/.test(await workbench.statusBar()));
  for (const [i, folder] of folders.entries())
    await appendFile(
      join(folder, 'events.jsonl'),
      i === 2
        ? eventLine('failed', { what: 'no room', where: 'x', advice: 'a', exitCode: 5 })
        : stepLine(2, { steps: 2 }) + eventLine('finished', { steps: 2, seconds: 1 }),
    );
  const told = await until('their end is told', async () => {
    const all = (await workbench.notifications()).filter((text) => /ended|finished in|failed/.test(text));
    return all.length > 0 && all;
  });
  assert.deepEqual(told, ['6 runs ended: 5 finished, 1 failed (many 3).']);
});
