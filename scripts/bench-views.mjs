// Measures the panels in the real VS Code: `npm run bench:views [-- --json] [run] [mask] [packing]`, all by default.
// Printed are the time from choosing to the first picture, the times between frames while a mask of almost 32,768 tokens and
// the charts of a run of 100,000 steps are moved, and the package's size.
import { statSync } from 'node:fs';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { InspectedPlan } from '../src/core/inspect/inspected-plan.ts';
import { prepareRun } from '../src/core/prepare/index.ts';
import { DEFAULT_PLAN, DEFAULT_RUNNER, DEFAULT_TRAINING } from '../src/core/options/index.ts';
import { EVENTS_FILE } from '../src/core/events/index.ts';
import { Session } from '../test/e2e/support/session.ts';
import { eventLine, startLine, stepLine } from '../test/unit/run/support.ts';
import { packForWindow } from './package.mjs';
import { Failure, main } from './shell.mjs';

const CAPACITY = 32_768;
/** Pairs of the example data that fill a bin of that capacity almost. */
const PAIRS_A_STEP = 57;
const PAIRS = 2_280;
const STEPS = 100_000;
const FRAMES = 600;
const OPENINGS = 5;

/** What is opened, by which command, and what shows that it is there. */
const PANELS = {
  run: { command: 'Wishbone: Open Run', there: 'main#run .chart .canvas canvas' },
  mask: { command: 'Wishbone: Inspect Masks…', there: 'main#mask .side-figures tbody td' },
  packing: { command: 'Wishbone: Show Packing…', there: 'main#packing .side-figures tbody td' },
};

/** What is moved: the element, how often its key for zooming in is pressed first, and whether the wheel needs Shift. */
const PANS = {
  mask: [
    ['mask, everything but a little', { selector: 'canvas.mask', zoom: 1, shift: true }],
    ['mask, tiles of 128 in view', { selector: 'canvas.mask', zoom: 4, shift: true }],
    ['mask, single tokens with text', { selector: 'canvas.mask', zoom: 12, shift: true }],
  ],
  packing: [['packing, segments in view', { selector: 'canvas.stacks', zoom: 1, shift: true }]],
  run: [
    ['charts, 70,000 of 100,000 steps', { selector: '.chart .canvas', zoom: 1, shift: false }],
    ['charts, 1,000 of 100,000 steps', { selector: '.chart .canvas', zoom: 14, shift: false }],
  ],
};

/** The example pairs over and over, each with words of its own, as a dataset of this workspace. */
async function makeDataset(workspace) {
  const text = await readFile(join(workspace, 'preferences.jsonl'), 'utf8');
  const rows = text.trim().split('\n');
  const made = Array.from({ length: PAIRS }, (_, at) => {
    const row = JSON.parse(rows[at % rows.length]);
    row.prompt.at(-1).content += ` (${at})`;
    return JSON.stringify(row);
  });
  const dataset = join(workspace, 'many.jsonl');
  await writeFile(dataset, `${made.join('\n')}\n`);
  return dataset;
}

/** The event log of a long run that is at its end: curves that fall or rise, with noise of a fixed seed. */
async function writeEvents(folder) {
  let state = 1;
  const noise = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647 - 0.5;
  const file = join(folder, EVENTS_FILE);
  await writeFile(file, startLine({ steps: STEPS, pairs: PAIRS }));
  for (let begin = 1; begin <= STEPS; begin += 10_000) {
    const lines = Array.from({ length: Math.min(10_000, STEPS - begin + 1) }, (_, i) => {
      const margin = Math.log1p((begin + i) / 4000) + 0.4 * noise();
      return stepLine(begin + i, {
        steps: STEPS,
        epoch: (begin + i) / 40,
        tokens: 30_000 + Math.round(2000 * noise()),
        seconds: 0.5 + 0.05 * noise(),
        loss: Math.log1p(Math.exp(-margin)),
        'rewards/chosen': margin / 2 + 0.1 * noise(),
        'rewards/rejected': -margin / 2 + 0.1 * noise(),
        'rewards/margins': margin,
        'rewards/accuracies': Math.min(1, Math.max(0, 0.5 + margin / 4)),
        'logps/chosen': -100 + noise(),
        'logps/rejected': -120 - 4 * margin + noise(),
        grad_norm: 1 + 0.5 * noise(),
        learning_rate: 1e-6 * (1 - (begin + i) / STEPS),
      });
    });
    await appendFile(file, lines.join(''));
  }
  await appendFile(file, eventLine('finished', { steps: STEPS, seconds: STEPS / 2 }));
}

/** Runs in the page: moves the view a little before every frame, and returns the times between frames. */
function panning({ selector, zoom, shift, frames }) {
  const target = document.querySelector(selector);
  const box = target.getBoundingClientRect();
  target.focus();
  for (const key of ['0', ...Array(zoom).fill('+')])
    target.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
  return new Promise((resolve) => {
    const intervals = [];
    let last;
    let count = 0;
    let direction = 1;
    requestAnimationFrame(function frame(now) {
      if (last !== undefined) intervals.push(now - last);
      last = now;
      if (count++ === frames) {
        resolve(intervals);
        return;
      }
      if (count % 60 === 0) direction = -direction;
      target.dispatchEvent(
        new WheelEvent('wheel', {
          bubbles: true,
          cancelable: true,
          clientX: box.left + box.width / 2,
          clientY: box.top + box.height / 2,
          shiftKey: shift,
          deltaX: 11 * direction,
        }),
      );
      requestAnimationFrame(frame);
    });
  });
}

function median(values) {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}

function summary(intervals) {
  const sorted = [...intervals].sort((a, b) => a - b);
  const at = (fraction) => sorted[Math.min(sorted.length - 1, Math.floor(fraction * sorted.length))];
  return { median: at(0.5), p95: at(0.95), p99: at(0.99), longest: at(1), frames: sorted.length };
}

/**
 * From choosing the run to the page's first picture, in milliseconds, and to where the page begins: until then VS Code makes
 * the frame it runs in. The window is left with the page in it.
 */
async function open(workbench, { command, there }) {
  await workbench.command('View: Close All Editors');
  await workbench.command(command);
  const row = workbench.page.locator('.quick-input-list .monaco-list-row', { hasText: 'bench' }).first();
  await row.waitFor();
  const clicked = Date.now();
  await row.click();
  const frame = await workbench.webview(there);
  const [begun, painted] = await frame.evaluate(async () => {
    while (performance.getEntriesByName('first-picture').length === 0) await new Promise((done) => setTimeout(done, 20));
    const at = (entries) => performance.timeOrigin + Math.min(...entries.map((entry) => entry.startTime));
    // The page's own first doing is to ask for its script and style.
    return [at(performance.getEntriesByType('resource')), at(performance.getEntriesByName('first-picture'))];
  });
  return { frame, toPage: begun - clicked, milliseconds: painted - clicked };
}

async function measure(session, panels) {
  const { workbench, workspace } = session;
  const dataset = await makeDataset(workspace);
  const { folder } = await prepareRun({
    dataset,
    model: join(workspace, 'tiny-llama'),
    name: 'bench',
    plan: { ...DEFAULT_PLAN, capacity: CAPACITY, batch_size: PAIRS_A_STEP, epochs: 1 },
    training: DEFAULT_TRAINING,
    runner: DEFAULT_RUNNER,
    runsFolder: join(workspace, '.wishbone/runs'),
  });
  await writeEvents(folder);
  const { shared, naive } = await (await InspectedPlan.open({ kind: 'run', folder })).bin(0);
  await workbench.open(session.url);
  const firstPaint = {};
  const frames = {};
  for (const name of panels) {
    const times = [];
    const toPages = [];
    for (let opening = 0; opening < OPENINGS; opening++) {
      const { frame, milliseconds, toPage } = await open(workbench, PANELS[name]);
      times.push(milliseconds);
      toPages.push(toPage);
      if (opening > 0) continue;
      for (const [what, pan] of PANS[name]) {
        await frame.evaluate(panning, { ...pan, frames: 30 });
        frames[what] = summary(await frame.evaluate(panning, { ...pan, frames: FRAMES }));
      }
    }
    firstPaint[name] = { milliseconds: median(times), toPage: median(toPages) };
  }
  return {
    tokens: { shared: shared.tokens.length, naive: naive.tokens.length },
    firstPaint,
    frames,
  };
}

function print({ device, browser, packed, tokens, firstPaint, frames }) {
  const ms = (value) => `${value.toFixed(1)} ms`;
  console.log(`\n${device}; Chromium ${browser}, drawing in software`);
  console.log(`bin of ${tokens.shared} tokens, ${tokens.naive} naive; plan of ${PAIRS} pairs; run of ${STEPS} steps`);
  console.log(`first picture after choosing (until VS Code lets the page begin), medians of ${OPENINGS}:`);
  for (const [name, { milliseconds, toPage }] of Object.entries(firstPaint))
    console.log(`  ${name} ${milliseconds.toFixed(0)} ms (${toPage.toFixed(0)} ms)`);
  for (const [name, { median: middle, p95, p99, longest, frames: count }] of Object.entries(frames)) {
    console.log(`${name}: ${ms(middle)} a frame, 95 % ${ms(p95)}, 99 % ${ms(p99)}, longest ${ms(longest)} (${count} frames)`);
  }
  console.log(`package: ${(packed / 1e6).toFixed(1)} MB`);
}

await main(async () => {
  const { values, positionals } = parseArgs({ options: { json: { type: 'boolean' } }, allowPositionals: true });
  const panels = positionals.length > 0 ? positionals : Object.keys(PANELS);
  const unknown = panels.find((name) => !(name in PANELS));
  if (unknown !== undefined) throw new Failure(`${unknown}: no such panel. There are: ${Object.keys(PANELS).join(', ')}.`);
  const packed = statSync(await packForWindow()).size;
  const session = await Session.start();
  try {
    const result = {
      device: `${cpus().length} cores of ${cpus()[0].model.trim()}, no GPU`,
      browser: session.browserVersion,
      packed,
      ...(await measure(session, panels)),
    };
    if (values.json) console.log(JSON.stringify(result, undefined, 2));
    else print(result);
  } finally {
    await session.stop();
  }
});
