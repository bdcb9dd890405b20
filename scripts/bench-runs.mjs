// Measures the table of runs in the real VS Code: `npm run bench:runs [-- --json] [--runs 1000]`.
// Printed are the time from choosing the command to the table's first picture, in a window that has not listed the runs yet and in one
// that has, what listing them takes by itself, and the times between frames while the table is scrolled.
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { listRuns } from '../src/core/run/index.ts';
import { makeRun } from '../test/e2e/support/made-runs.ts';
import { Session } from '../test/e2e/support/session.ts';
import { until } from '../test/e2e/support/workbench.ts';
import { evalLine, eventLine, startLine, stepLine } from '../test/unit/run/support.ts';
import { quantiles, scrolling } from './editor/frames.mjs';
import { packForWindow } from './package.mjs';
import { main } from './shell.mjs';

const STEPS = 200;
const OPENINGS = 5;
const FRAMES = 600;
const COMMAND = 'Wishbone: Show Runs as a Table';

/** Finished runs that differ in three options, with 200 steps (80 KB of events) and four evaluations each. */
async function makeRuns(workspace, count) {
  for (let run = 0; run < count; run++) {
    const lines = [];
    for (let step = 1; step <= STEPS; step++) {
      lines.push(stepLine(step, { steps: STEPS }));
      if (step % 50 === 0) lines.push(evalLine(step, { steps: STEPS, eval_loss: 0.3 + ((run * 7) % 100) / 200 + 1 / step, best: true }));
    }
    const events = startLine({ steps: STEPS }) + lines.join('') + eventLine('finished', { steps: STEPS, seconds: 60 });
    const training = { eval_steps: 50, learning_rate: (1 + (run % 10)) * 1e-6, beta: [0.05, 0.1, 0.3][run % 3], weight_decay: run / 1e5 };
    await makeRun(workspace, `sweep ${run}`, { events, training });
  }
}

/** Milliseconds from choosing the command to where the page begins and to its first picture. */
async function open(workbench) {
  await workbench.page.keyboard.press('F1');
  const input = workbench.page.locator('.quick-input-widget .quick-input-box input');
  await input.fill(`>${COMMAND}`);
  const row = workbench.page.locator('.quick-input-list .monaco-list-row', { hasText: COMMAND }).first();
  await row.waitFor();
  const clicked = Date.now();
  await row.click();
  const frame = await workbench.webview('main#runs .lines > .run');
  const [begun, painted] = await frame.evaluate(async () => {
    while (performance.getEntriesByName('first-picture').length === 0) await new Promise((done) => setTimeout(done, 20));
    const at = (entries) => performance.timeOrigin + Math.min(...entries.map((entry) => entry.startTime));
    return [at(performance.getEntriesByType('resource')), at(performance.getEntriesByName('first-picture'))];
  });
  return { frame, toPage: begun - clicked, milliseconds: painted - clicked };
}

const median = (values) => quantiles(values).median;

async function measure({ workbench, workspace, url }, runs) {
  await makeRuns(workspace, runs);
  const listing = [];
  for (let again = 0; again < OPENINGS; again++) {
    const begun = performance.now();
    await listRuns(join(workspace, '.wishbone/runs'));
    listing.push(performance.now() - begun);
  }
  await workbench.open(url);
  const openings = { first: [], again: [] };
  let frames;
  for (let opening = 0; opening < OPENINGS; opening++) {
    if (opening > 0) await workbench.reload();
    // The extension is there once its command is.
    await until('the extension is there', async () => {
      await workbench.page.keyboard.press('F1');
      await workbench.page.locator('.quick-input-widget .quick-input-box input').fill(`>${COMMAND}`);
      await workbench.page.locator('.quick-input-list .monaco-list-row', { hasText: COMMAND }).first().waitFor({ timeout: 3000 });
      await workbench.page.keyboard.press('Escape');
      return true;
    });
    for (const kind of ['first', 'again']) {
      const { frame, ...times } = await open(workbench);
      openings[kind].push(times);
      if (opening === 0 && kind === 'again') frames = quantiles(await frame.evaluate(scrolling, [FRAMES, 90]));
      await workbench.command('View: Close All Editors');
    }
  }
  const summary = (times) => ({
    milliseconds: median(times.map((each) => each.milliseconds)),
    toPage: median(times.map((each) => each.toPage)),
  });
  return { listing: median(listing), first: summary(openings.first), again: summary(openings.again), frames };
}

await main(async () => {
  const { values } = parseArgs({ options: { json: { type: 'boolean' }, runs: { type: 'string', default: '1000' } } });
  const runs = Number(values.runs);
  await packForWindow();
  const session = await Session.start();
  try {
    const device = `${cpus().length} cores of ${cpus()[0].model.trim()}`;
    const result = { device, browser: session.browserVersion, runs, ...(await measure(session, runs)) };
    if (values.json) {
      console.log(JSON.stringify(result, undefined, 2));
      return;
    }
    const { listing, first, again, frames } = result;
    const s = (milliseconds) => `${(milliseconds / 1000).toFixed(2)} s`;
    console.log(`\n${device}; Chromium ${result.browser}, drawing in software; ${runs} runs of ${STEPS} steps, medians of ${OPENINGS}`);
    console.log(`listing the runs by itself: ${s(listing)}`);
    for (const [what, { milliseconds, toPage }] of [
      ['first in this window', first],
      ['again', again],
    ])
      console.log(
        `first picture, ${what}: ${s(milliseconds)}, of that until the page may begin ${s(toPage)}, the page ${s(milliseconds - toPage)}`,
      );
    const ms = (value) => `${value.toFixed(1)} ms`;
    console.log(`scrolled: ${ms(frames.median)} a frame, 95 % ${ms(frames.p95)}, 99 % ${ms(frames.p99)}, longest ${ms(frames.longest)}`);
  } finally {
    await session.stop();
  }
});
