import assert from 'node:assert/strict';
import { access, readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { after, before } from 'node:test';
import { LaunchForm } from './support/form.js';
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
let form: LaunchForm;
/** The run that is launched, reloaded over, stopped, opened again and resumed. */
let run: RunOnDisk;

before(async () => {
  session = await Session.start();
  workbench = session.workbench;
  panel = new RunPanel(workbench);
  form = new LaunchForm(workbench);
  await workbench.open(session.url);
});

after(async () => {
  // What was on the screen when a test failed.
  await workbench?.screenshot('last').catch(() => undefined);
  await session?.stop();
});

/** "Launch Run…" from the palette to the start, with the quick preset and so many epochs. */
async function launch(dataset: string, epochs: number): Promise<void> {
  await fill(dataset, epochs);
  await form.figures();
  await form.start();
}

async function fill(dataset: string, epochs: number): Promise<void> {
  await form.open();
  await form.type('dataset', dataset);
  await form.type('plan.epochs', String(epochs));
}

function present(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** The run that a launch has added to those known. */
async function newRun(known: readonly RunOnDisk[]): Promise<RunOnDisk> {
  return until('a new run folder', async () =>
    (await runsIn(session.workspace)).find(({ folder }) => known.every((old) => old.folder !== folder)),
  );
}

step('a file with a wrong field is said to be wrong, with its place, and leaves no run', async () => {
  await fill('bad.jsonl', 1);
  const frame = await form.frame();
  const fault = frame.locator('.forecast-fault');
  await until('the fault is shown', async () => /\bbad\.jsonl:2\b/.test((await fault.textContent()) ?? ''));
  const text = (await fault.textContent()) ?? '';
  assert.match(text, /\brejected\b/);
  assert.doesNotMatch(text, /\.js:\d+/, 'a stack trace');
  // Said by a message of its own.
  await until('why it cannot start is said', async () => /plan cannot be made/.test(await form.reason()));
  assert.deepEqual(await readdir(join(session.workspace, '.wishbone/runs')).catch(() => []), []);
  await fault.locator('vscode-button', { hasText: 'Open File' }).click();
  await until('the file is open', async () => (await workbench.tabs()).includes('bad.jsonl'));
  await workbench.command('View: Close All Editors');
});

step('a run launched from the palette learns, and the panel shows it live', async () => {
  await launch('preferences.jsonl', 60);
  run = await newRun([]);
  const first = await panel.passed(0);
  assert.equal(first.folder, run.folder);
  assert.equal(first.state, 'running');

  const drawn = await panel.pictures();
  const later = await panel.passed(first.step + 2);
  await until('the curves move', async () => (await panel.pictures()).every((picture, i) => picture !== drawn[i]));
  for (const [chart, pixels] of Object.entries(await panel.colouredPixels())) {
    assert.ok(pixels > 50, `the ${chart} chart has a curve: ${pixels} coloured pixels`);
  }

  // What is shown is what the runner wrote for that step.
  const event = (await run.ofType('step')).find(({ step }) => step === later.step);
  assert.ok(event, `step ${later.step} is in events.jsonl`);
  // Of the latest hundred pairs, 8 a step: a single batch says little.
  const steps = (await run.ofType('step')).filter(({ step }) => Number(step) <= later.step).slice(-13);
  const mean = (name: string): number => steps.reduce((sum, each) => sum + Number(each[name]), 0) / steps.length;
  assert.ok(Math.abs(Number(later.figures['Loss']) - mean('loss')) < 1e-3, `${later.figures['Loss']} is ${mean('loss')}`);
  const accuracy = 100 * mean('rewards/accuracies');
  assert.ok(Math.abs(Number.parseFloat(later.figures['Accuracy'] ?? '') - accuracy) <= 0.51, `${later.figures['Accuracy']} is ${accuracy}`);
  assert.equal(later.steps, event['steps']);
  assert.equal(later.steps, 900, '60 epochs of 120 pairs, 8 a step');
  assert.ok(Number.parseFloat(later.figures['Pairs/s'] ?? '') > 0);
  assert.ok(Number.parseFloat(later.figures['Tokens/s'] ?? '') > 0);
  await until('the status bar counts the steps', async () => /\d+\/900\b/.test(await workbench.statusBar()));
});

step('the panel in dark, light and high contrast', async () => {
  await panel.passed(12);
  // Drawn in the theme's own colours once a further step is in.
  await inEveryTheme(
    session,
    'run',
    () => workbench.webview('main#run h1'),
    async () => panel.passed((await panel.snapshot()).step),
  );
});

step('reloading the window leaves the run alive, and the panel finds it again', async () => {
  const before = await panel.snapshot();
  const pid = await run.pid();
  assert.ok(await run.alive());

  await workbench.reload();
  const restored = await panel.passed(before.step);
  assert.equal(restored.folder, run.folder);
  assert.equal(restored.state, 'running');
  await panel.passed(restored.step);
  assert.ok(await run.alive());
  assert.equal(await run.pid(), pid);
  assert.equal((await run.ofType('start')).length, 1, 'it was not started again');
  for (const [chart, pixels] of Object.entries(await panel.colouredPixels())) {
    assert.ok(pixels > 50, `the ${chart} chart is drawn again: ${pixels} coloured pixels`);
  }
  await until('the status bar finds the run', async () => /\d+\/900\b/.test(await workbench.statusBar()));
  assert.equal((await runsIn(session.workspace)).length, 1);
});

step('"Stop Run" finishes the step, leaves a checkpoint, and ends the runner', async () => {
  await workbench.command('Wishbone: Stop Run');
  const shown = await panel.reach('stopped');
  assert.equal(await run.alive(), false);
  const [stopped] = await run.ofType('stopped');
  const step = Number(stopped?.['step']);
  assert.ok(step > 0 && step < 900, `stopped after step ${step}`);
  assert.match(shown.notice, new RegExp(`Stopped after step ${step}\\b`));

  const checkpoint = join(run.folder, 'checkpoints', `step-${String(step).padStart(6, '0')}`);
  assert.deepEqual((await readdir(checkpoint)).sort(), ['model.safetensors', 'optimizer.safetensors', 'state.json']);
  const state = JSON.parse(await readFile(join(checkpoint, 'state.json'), 'utf8')) as { step?: number };
  assert.equal(state.step, step);
  await workbench.screenshot('run-stopped');
});

step('"Open Run" shows a stopped run again, with its curves', async () => {
  const before = await panel.snapshot();
  await workbench.command('View: Close All Editors');
  await until('the panel is closed', async () => (await workbench.tabs()).length === 0);
  await workbench.command('Wishbone: Open Run');
  await workbench.pick('stopped');
  const shown = await panel.reach('stopped');
  assert.deepEqual(
    { folder: shown.folder, step: shown.step, loss: shown.figures['Loss'] },
    { folder: run.folder, step: before.step, loss: before.figures['Loss'] },
  );
  await until('the curves are drawn', async () => Object.values(await panel.colouredPixels()).every((pixels) => pixels > 50));
});

step('a stopped run is resumed and stopped with the buttons of its panel', async () => {
  const { step } = await panel.snapshot();
  await panel.press('Resume');
  const resumed = await panel.passed(step);
  assert.equal(resumed.state, 'running');
  assert.equal((await run.ofType('start')).at(-1)?.['resumedFrom'], step);
  await panel.press('Stop');
  await panel.reach('stopped');
  assert.equal(await run.alive(), false);
});

step('a run goes to its end and leaves a model folder', async () => {
  const known = await runsIn(session.workspace);
  await launch('preferences.jsonl', 1);
  const short = await newRun(known);
  const shown = await panel.when('the end of the new run', ({ folder, state }) => folder === short.folder && state === 'finished');
  assert.equal(shown.step, shown.steps);
  assert.match(shown.notice, /Finished/);
  const [finished] = await short.ofType('finished');
  assert.equal(finished?.['steps'], shown.steps);
  const exported = join(short.folder, String((await short.ofType('export'))[0]?.['path']));
  for (const name of ['config.json', 'model.safetensors', 'tokenizer.json']) {
    assert.ok(await present(join(exported, name)), `${basename(exported)}/${name}`);
  }
  await workbench.screenshot('run-finished');
});
