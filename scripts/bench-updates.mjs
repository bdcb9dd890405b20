// Measures in the real VS Code how long an event takes to be seen: `npm run bench:updates`. That is from before it is written
// to the frame that shows its step, for a run that goes, with 100,000 steps in its charts.
import { appendFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EVENTS_FILE } from '../src/core/events/index.ts';
import { identify } from '../src/core/run/process-identity.ts';
import { makeRun } from '../test/e2e/support/made-runs.ts';
import { Session } from '../test/e2e/support/session.ts';
import { until } from '../test/e2e/support/workbench.ts';
import { startLine, stepLine } from '../test/unit/run/support.ts';
import { packForWindow } from './package.mjs';
import { main } from './shell.mjs';

const STEPS = 100_000;
const UPDATES = 60;
const UPDATE_MILLISECONDS = 300;

/** Runs in the page: notes when each text of the run's progress is there in a frame that is drawn. */
function watchProgress() {
  window.seenProgress = new Map();
  requestAnimationFrame(function look() {
    const text = document.querySelector('main#run .progress-line .progress')?.textContent ?? '';
    if (text !== '' && !window.seenProgress.has(text)) window.seenProgress.set(text, Date.now());
    requestAnimationFrame(look);
  });
}

/** Event lines of a long run, with noise of a fixed seed. */
function history(steps, start) {
  let state = 1;
  const noise = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647 - 0.5;
  const lines = [startLine({ steps: STEPS, ...start })];
  for (let step = 1; step <= steps; step++) {
    const margin = Math.log1p(step / 4000) + 0.4 * noise();
    const loss = Math.log1p(Math.exp(-margin));
    lines.push(stepLine(step, { steps: STEPS, loss, 'rewards/margins': margin, grad_norm: 1 + 0.5 * noise() }));
  }
  return lines.join('');
}

const progressAt = (step) => `Step ${step.toLocaleString('en-US')} of ${STEPS.toLocaleString('en-US')}`;

function seen(frame, text) {
  return until(text, () => frame.evaluate((what) => window.seenProgress.get(what), text));
}

/** Milliseconds of each update. */
async function updates({ workbench }, file) {
  await workbench.command('Wishbone: Open Run');
  await workbench.pick('run that goes');
  const frame = await workbench.webview('main#run h1');
  await frame.evaluate(watchProgress);
  await seen(frame, progressAt(STEPS - UPDATES));
  const times = [];
  for (let step = STEPS - UPDATES + 1; step <= STEPS; step++) {
    await sleep(UPDATE_MILLISECONDS);
    const written = Date.now();
    appendFileSync(file, stepLine(step, { steps: STEPS }));
    times.push((await seen(frame, progressAt(step))) - written);
  }
  return times;
}

function report(what, times) {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (fraction) => sorted[Math.min(sorted.length - 1, Math.floor(fraction * sorted.length))];
  console.log(`${what}: median ${at(0.5)} ms, 95 % ${at(0.95)} ms, longest ${at(1)} ms (${times.length})`);
}

await main(async () => {
  await packForWindow();
  const session = await Session.start();
  try {
    const { workbench, workspace } = session;
    const going = await makeRun(workspace, 'run that goes', { events: '' });
    const file = join(going, EVENTS_FILE);
    // This process stands for the runner.
    await writeFile(file, history(STEPS - UPDATES, await identify(process.pid)));
    await workbench.open(session.url);
    console.log(`${cpus().length} cores of ${cpus()[0].model.trim()}; Chromium ${session.browserVersion}, drawing in software`);
    report('an event is seen', await updates(session, file));
  } finally {
    await session.stop();
  }
});
