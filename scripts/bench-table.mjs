// Measures the table of a dataset in the real VS Code: `npm run bench:table [-- --json] [--pairs 1000000]`.
// Printed are the time from choosing the command to the first rows, when all rows are found and when all are checked, how long an
// order, a filter and a search take, the times between frames while the table is scrolled by steps and along its whole length, and
// memory, all with the margins of a run beside the pairs. A million pairs are a gigabyte; the file is made, and kept, in .cache/bench.
import { stat, symlink } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Session } from '../test/e2e/support/session.ts';
import { until } from '../test/e2e/support/workbench.ts';
import { quantiles, scrolling } from './editor/frames.mjs';
import { marginsRun } from './editor/margins-run.mjs';
import { millionPairs } from './editor/million-pairs.mjs';
import { MemoryWatch, processOf } from './editor/processes.mjs';
import { packForWindow } from './package.mjs';
import { Failure, main, root } from './shell.mjs';

const FRAMES = 600;
const PATIENCE = 300_000;

/** Waits longer than tests do. */
async function later(what, ask) {
  const end = Date.now() + PATIENCE;
  while (Date.now() < end) {
    if (await ask()) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Failure(`waited in vain: ${what}`);
}

/** Runs in the page: an order of work, as long as it shows. Resolves with milliseconds until the first line is another, and until all is done. */
async function looking([act, pairs]) {
  const status = () => document.querySelector('.count').textContent;
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const before = status();
  const begun = performance.now();
  if (act.sort !== undefined) [...document.querySelectorAll('.head .sort')].find((head) => head.textContent === act.sort).click();
  else {
    const field = document.querySelector('.toolbar vscode-text-field');
    field.value = act.filter;
    field.dispatchEvent(new Event('input'));
  }
  // A filter is looked for once typing rests.
  while (status() === before && performance.now() - begun < 3000) await frame();
  while (/search/.test(status()) || document.querySelectorAll('.lines > .line.coming').length > 0) await frame();
  return { milliseconds: performance.now() - begun, status: status(), pairs };
}

async function measure(session, file, pairs) {
  const { workbench, workspace, url } = session;
  await symlink(file, join(workspace, 'large.jsonl'));
  await marginsRun(workspace, 'large run', join(workspace, 'large.jsonl'), pairs);
  await workbench.open(url);
  const { page } = workbench;
  const row = page.locator('.explorer-folders-view .monaco-list-row', { hasText: 'large.jsonl' });
  const entry = page.locator('.monaco-menu .action-label', { hasText: 'Show Dataset as a Table' });
  // Its menu in the explorer: an editor of the text would take in all of it.
  const menu = () =>
    until('the menu offers the table', async () => {
      await page.keyboard.press('Escape');
      await row.click({ button: 'right' });
      await entry.waitFor({ timeout: 3000 });
      return true;
    });
  await menu();
  await page.keyboard.press('Escape');
  const server = process.pid;
  const memory = new MemoryWatch({
    'extension host': () => processOf(server, /--type=extensionHost/),
    'browser tab': () => processOf(server, /--type=renderer/),
  });
  const open = async () => {
    await menu();
    // A menu takes no click just after it has come.
    await new Promise((done) => setTimeout(done, 700));
    const clicked = Date.now();
    await entry.click();
    const frame = await workbench.webview('main#table .lines > .line:not(.coming)');
    const painted = await frame.evaluate(async () => {
      while (performance.getEntriesByName('first-picture').length === 0) await new Promise((done) => setTimeout(done, 5));
      return performance.timeOrigin + performance.getEntriesByName('first-picture')[0].startTime;
    });
    const begun = await frame.evaluate(
      () => performance.timeOrigin + Math.min(...performance.getEntriesByType('resource').map(({ startTime }) => startTime)),
    );
    return { frame, clicked, first: painted - clicked, toPage: begun - clicked };
  };
  const cold = await open();
  await workbench.command('View: Close All Editors');
  const { frame, clicked, ...again } = await open();
  const ofTable = new MemoryWatch({ "table's process": () => processOf(server, /workers\/dataset-table/) });
  const status = () => frame.locator('.count').innerText();
  await later('all rows', async () => (await status()).startsWith(pairs.toLocaleString('en-US')));
  const found = Date.now() - clicked;
  const busy = {
    steps: quantiles(await frame.evaluate(scrolling, [FRAMES, 90])),
    whole: quantiles(await frame.evaluate(scrolling, [FRAMES, 1 / 200])),
  };
  await later('all rows are checked', async () => !/Finding|Checking/.test(await frame.locator('.toolbar .note').innerText()));
  const known = Date.now() - clicked;
  await later("the run's margins", async () => (await frame.locator('.head .sort', { hasText: /^Margin$/ }).count()) > 0);
  const margins = Date.now() - clicked;
  const look = (act) => frame.evaluate(looking, [act, pairs]);
  const looks = {
    'in the order of how much longer chosen is': await look({ sort: 'Longer' }),
    "in the order of a run's margins": await look({ sort: 'Margin' }),
    'of one source, chosen above 300 characters': await look({ filter: 'source:ultra chosen>300' }),
    'margins below 0 alone': await look({ filter: 'margin<0' }),
    'a word that few have, searched for in all texts': await look({ filter: '"(77777)"' }),
  };
  await look({ filter: '' });
  const idle = {
    steps: quantiles(await frame.evaluate(scrolling, [FRAMES, 90])),
    whole: quantiles(await frame.evaluate(scrolling, [FRAMES, 1 / 200])),
  };
  return {
    cold: { first: cold.first, toPage: cold.toPage },
    again,
    found,
    known,
    margins,
    looks,
    busy,
    idle,
    memory: { ...memory.end(), ...ofTable.end() },
  };
}

await main(async () => {
  const { values } = parseArgs({ options: { json: { type: 'boolean' }, pairs: { type: 'string', default: '1000000' } } });
  const pairs = Number(values.pairs);
  const file = join(root, '.cache/bench', `pairs-${pairs}.jsonl`);
  await millionPairs(file, pairs);
  const { size } = await stat(file);
  await packForWindow();
  const session = await Session.start();
  try {
    const device = `${cpus().length} cores of ${cpus()[0].model.trim()}`;
    const result = { device, browser: session.browserVersion, pairs, bytes: size, ...(await measure(session, file, pairs)) };
    if (values.json) {
      console.log(JSON.stringify(result, undefined, 2));
      return;
    }
    const s = (milliseconds) => `${(milliseconds / 1000).toFixed(2)} s`;
    const ms = (value) => `${value.toFixed(1)} ms`;
    console.log(
      `\n${device}; Chromium ${result.browser}, drawing in software; ${pairs.toLocaleString('en-US')} pairs, ${(size / 1e6).toFixed(0)} MB`,
    );
    for (const [when, { first, toPage }] of [
      ['in a window that has shown no table', result.cold],
      ['again', result.again],
    ])
      console.log(`first rows, ${when}: ${s(first)}, of that until the page may begin ${s(toPage)}, the page ${s(first - toPage)}`);
    console.log(
      `all rows found: ${s(result.found)}; all checked: ${s(result.known)}, ${((1000 * pairs) / result.known).toFixed(0)} pairs/s`,
    );
    console.log(`a run's margins are there by then, or: ${s(result.margins)}`);
    for (const [what, { milliseconds, status }] of Object.entries(result.looks)) console.log(`${what}: ${s(milliseconds)} (${status})`);
    for (const [when, kinds] of [
      ['while rows are checked', result.busy],
      ['after that', result.idle],
    ])
      for (const [how, { median, p95, p99, longest }] of Object.entries(kinds)) {
        const what = how === 'steps' ? 'scrolled by steps' : 'dragged along the whole length';
        console.log(`${what} ${when}: ${ms(median)} a frame, 95 % ${ms(p95)}, 99 % ${ms(p99)}, longest ${ms(longest)}`);
      }
    for (const [name, { before, peak }] of Object.entries(result.memory))
      console.log(`memory of the ${name}: ${(before / 1e6).toFixed(0)} MB before, ${(peak / 1e6).toFixed(0)} MB at most`);
  } finally {
    await session.stop();
  }
});
