// What the panel of a run on several GPUs shows of them: how they fare, and how they share steps.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before } from 'node:test';
import type { Frame } from 'playwright-core';
import { eventLine, startLine, stepLine } from '../unit/run/support.js';
import { makeRun } from './support/made-runs.js';
import { RunPanel } from './support/panel.js';
import { Session } from './support/session.js';
import { oneAfterAnother } from './support/steps.js';
import { inEveryTheme } from './support/themes.js';
import { until, type Workbench } from './support/workbench.js';

const GIB = 2 ** 30;
const step = oneAfterAnother();
let session: Session;
let workbench: Workbench;
let panel: RunPanel;
let folder: string;

before(async () => {
  session = await Session.start();
  workbench = session.workbench;
  panel = new RunPanel(workbench);
  await workbench.open(session.url);
  await workbench.page.setViewportSize({ width: 1000, height: 1000 });
});

after(async () => {
  await workbench?.screenshot('devices-last').catch(() => undefined);
  await session?.stop();
});

const page = (): Promise<Frame> => workbench.webview('main#run h1');

const gpu = (utilisation: number, temperature: number) => ({
  name: 'NVIDIA H200',
  utilisation,
  memory: 90.6 * GIB,
  memoryTotal: 139.8 * GIB,
  temperature,
  power: 641.5,
});

/** A step that two devices share. */
const shared = (number: number): string =>
  stepLine(number, { steps: 40, seconds: 0.5, communication: 0.0085, slowest_rank: 1.012, rank_seconds: [0.482, 0.494] });

step('a run at work shows its GPUs, what they wait for each other, and the slowest', async () => {
  // A process that lives, in the runner's place; the session ends it as it does runners.
  const { pid } = spawn('sleep', ['600'], { stdio: 'ignore' });
  const alive = {
    pid,
    pidStart: Number((await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]!.split(' ')[19]),
    bootId: (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim(),
  };
  folder = await makeRun(session.workspace, 'two cards', {
    events:
      startLine({ ...alive, backend: 'cuda', device: 'NVIDIA H200', steps: 40 }) +
      eventLine('phase', { phase: 'train' }) +
      Array.from({ length: 12 }, (_, i) => shared(i + 1)).join('') +
      eventLine('devices', { devices: [gpu(0.97, 61), { name: 'NVIDIA H200 MIG 1g.18gb', temperature: 58 }] }),
  });
  await workbench.command('Wishbone: Open Run');
  await workbench.pick('two cards');
  await panel.when('the run', ({ name, state }) => name === 'two cards' && state === 'running');
  const frame = await page();
  const rows = frame.locator('.devices tbody tr');
  await until('both have a line', async () => (await rows.count()) === 2);
  assert.deepEqual(await rows.nth(0).locator('th, td').allInnerTexts(), ['0 NVIDIA H200', '97%', '90.6 GiB of 140 GiB', '61 °C', '642 W']);
  assert.deepEqual(await rows.nth(1).locator('th, td').allInnerTexts(), ['1 NVIDIA H200 MIG 1g.18gb', '–', '–', '58 °C', '–']);
  const meter = (await rows.nth(0).locator('.meter').first().boundingBox())!;
  const fill = (await rows.nth(0).locator('.meter > div').first().boundingBox())!;
  assert.ok(Math.abs(fill.width / meter.width - 0.97) < 0.02);
  assert.equal(await rows.nth(1).locator('.meter:visible').count(), 0);
  assert.equal(
    await frame.locator('.ranks .summary').innerText(),
    'Waiting for each other: 8.5 ms of a step, 1.7%. The slowest of 2 computes 1.2% longer than the mean.',
  );
  assert.deepEqual(await frame.locator('.rank-bars .value').allInnerTexts(), ['482 ms', '494 ms']);
  assert.equal(await frame.locator('.rank-bars .slowest .rank').innerText(), '1');
  const titles = await frame.locator('.chart:visible h2').allInnerTexts();
  for (const title of ['Communication', 'Slowest device']) assert.ok(titles.includes(title), titles.join());
  await frame.locator('.devices').scrollIntoViewIfNeeded();
  await inEveryTheme(session, 'run-devices', page);
});

step('they follow the log, and are gone when the run has ended', async () => {
  const log = join(folder, 'events.jsonl');
  await appendFile(log, shared(13) + eventLine('devices', { devices: Array.from({ length: 8 }, (_, i) => gpu(i / 8, 50 + i)) }));
  const frame = await page();
  const rows = frame.locator('.devices tbody tr');
  await until('all eight have a line', async () => (await rows.count()) === 8);
  assert.equal(await rows.nth(6).locator('td').first().innerText(), '75%');
  await workbench.screenshot('run-devices-eight');
  await frame.locator('.chart h2', { hasText: 'Slowest device' }).scrollIntoViewIfNeeded();
  // Charts are drawn once they are on the screen.
  await frame.evaluate(() => new Promise((done) => setTimeout(done, 500)));
  await workbench.screenshot('run-devices-charts');
  await appendFile(log, eventLine('finished', { steps: 13, seconds: 7 }));
  await panel.reach('finished');
  await until('they are gone', async () => !(await frame.locator('.devices').isVisible()));
  assert.ok(await frame.locator('.ranks').isVisible(), 'what they shared stays');
});

step('a run on one device has none of it', async () => {
  await makeRun(session.workspace, 'alone', {
    events: startLine({ steps: 2 }) + stepLine(1, { steps: 2 }) + eventLine('finished', { steps: 1, seconds: 1 }),
  });
  await workbench.command('Wishbone: Open Run');
  await workbench.pick('alone');
  await panel.when('the run', ({ name, state }) => name === 'alone' && state === 'finished');
  const frame = await page();
  for (const part of ['.devices', '.ranks']) assert.equal(await frame.locator(part).isVisible(), false, part);
  const titles = await frame.locator('.chart:visible h2').allInnerTexts();
  assert.ok(titles.includes('Loss') && !titles.some((title) => /device|communication/i.test(title)), titles.join());
});
