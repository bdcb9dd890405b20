// What the pictures of README and docs show, one a panel, in which size of the window and which part of it. All of it is real: runs of the
// example data, and a VS Code that shows them.
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { queueOf, sweepFile } from '../src/core/sweep/index.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import { TextEditor } from '../test/e2e/support/editor.ts';
import { LaunchForm } from '../test/e2e/support/form.ts';
import { until } from '../test/e2e/support/workbench.ts';
import { standInJudge } from '../test/support/stand-in-judge.ts';
import { output, root } from './shell.mjs';

/** The run that most pictures show. */
const RUN = 'shared prefixes';
const SWEEP = 'rates';
/** A run of the sweep with a rate that is far too high. */
const FALLEN = `${SWEEP} learning_rate=0.001 beta=0.1 seed=1`;

const wishbone = (workspace, ...args) => output(process.execPath, [join(root, 'dist/cli.js'), ...args], { cwd: workspace });

/** Trains the example model on the example pairs. */
export async function train(workspace) {
  await wishbone(
    workspace,
    ...['train', 'preferences.jsonl', '--model', 'tiny-llama', '--name', RUN, '--preset', 'quick', '--batch-size', '8', '--epochs', '4'],
    ...['--eval-fraction', '0.25', '--eval-steps', '6'],
  );
}

/** Rows of the example data with what goes wrong in such files. */
export async function writeFaults(workspace) {
  await rm(join(workspace, 'bad.jsonl'));
  const rows = (await readFile(join(workspace, 'preferences.jsonl'), 'utf8'))
    .split('\n')
    .slice(4, 10)
    .map((row) => JSON.parse(row));
  rows[1].rejected = rows[1].chosen;
  rows[2].chosen.at(-1).content = ' ';
  rows[4] = { ...rows[3], chosen: rows[3].rejected, rejected: rows[3].chosen };
  await writeFile(join(workspace, 'draft.jsonl'), `${rows.map((row) => JSON.stringify(row)).join('\n')}\n`);
}

let isSwept = false;
/** Starts a sweep of eight runs, once. */
async function startSweep(workspace) {
  if (isSwept) return;
  isSwept = true;
  const config = {
    ...{ version: 1, name: SWEEP, preset: 'quick', model: 'tiny-llama', dataset: 'preferences.jsonl' },
    plan: { epochs: 3, batch_size: 8, eval_fraction: 0.25 },
    training: { eval_steps: 6 },
    sweep: { values: { 'training.learning_rate': [1e-4, 1e-3], 'training.beta': [0.1, 0.3] }, seeds: [1, 2] },
  };
  await writeFile(join(workspace, `${SWEEP}.wishbone.json`), `${JSON.stringify(config, null, 2)}\n`);
  await wishbone(workspace, 'sweep', `${SWEEP}.wishbone.json`, '--detach');
}

/** Waits until all runs of the sweep are trained, which takes longer than anything else here. */
async function swept(workspace) {
  await startSweep(workspace);
  const file = sweepFile(join(workspace, '.wishbone/runs'), SWEEP);
  const end = Date.now() + 900_000;
  while ((await queueOf(file)) !== undefined && Date.now() < end) await sleep(1000);
}

/** Words of a text, in small letters. */
const words = (text) => new Set(text.toLowerCase().match(/[a-z]{4,}/g));
/** A judge that is no model: the text with more of the prompt's words is better. */
function byWords({ prompt, a, b }) {
  const asked = words(prompt);
  const [inA, inB] = [a, b].map((text) => [...words(text)].filter((word) => asked.has(word)).length);
  const said = `A has ${inA} of the prompt's words, B has ${inB}.`;
  return `${said}\n${inA === inB ? 'tie' : inA > inB ? 'A' : 'B'}`;
}

/** Has the stand-in judge of the tests judge what the run writes. */
async function judge(workspace) {
  const server = await standInJudge(byWords);
  const how = ['--judge-url', server.url, '--judge-model', 'stand-in-of-the-tests', '--count', '30', '--max-new-tokens', '48'];
  await wishbone(workspace, 'judge', RUN, ...how).finally(() => server.stop());
}

/** Moves the edge of the side bar. */
async function sideBarWidth({ page }, width) {
  const { x, y, width: now } = await page.locator('.part.sidebar').boundingBox();
  await page.mouse.move(x + now, y + 300);
  await page.mouse.down();
  await page.mouse.move(x + width, y + 300, { steps: 5 });
  await page.mouse.up();
}

const editor = async ({ workbench }) => ({ clip: await workbench.page.locator('.part.editor').first().boundingBox() });
const window = async () => ({});

/** A side bar, and nothing else. */
async function nothingOpen(workbench) {
  await workbench.sideBar(true);
  await workbench.command('View: Close All Editors');
  if (await workbench.page.locator('.part.panel').isVisible())
    await workbench.page.locator('.part.panel .codicon-panel-close, .part.panel .codicon-close').first().click();
}

/** One panel. */
async function alone(workbench, command, run) {
  await nothingOpen(workbench);
  await workbench.command(command);
  if (run !== undefined) await workbench.pick(run);
}

const sweepRow = async ({ page }) =>
  (await page.locator('.part.sidebar .monaco-list-row', { hasText: SWEEP }).first().innerText()).replace(/\s+/g, ' ');

/** In this order: a run that one picture makes is shown by others. */
export const README = {
  run: {
    async show({ workbench }) {
      await workbench.command('Wishbone: Focus on Runs View');
      await workbench.command('Wishbone: Open Run');
      await workbench.pick(RUN);
      const frame = await workbench.webview('main#run .chart .canvas canvas');
      await until('the curves are there', async () => (await frame.locator('.figures dd').first().innerText()) !== '');
      const bar = workbench.page.locator('.part.sidebar');
      await until('datasets are read', async () => {
        const text = await bar.innerText();
        return /120 pairs/.test(text) && !/reading/.test(text);
      });
    },
  },
  mask: {
    async show({ workbench }) {
      await workbench.command('View: Show Explorer');
      await workbench.page.locator('.explorer-folders-view .monaco-list-row', { hasText: 'preferences.jsonl' }).click();
      await workbench.page.locator('.codelens-decoration a', { hasText: 'Inspect Masks' }).click();
      // The list of models is filled while it is shown, and a click may meet another row.
      await workbench.page.locator('.quick-input-list .monaco-list-row', { hasText: 'tiny-llama' }).waitFor();
      await sleep(2000);
      for (const choice of ['tiny-llama', 'Show']) await workbench.pick(choice);
      const frame = await workbench.webview('main#mask .side-figures tbody td');
      await frame.getByRole('application', { name: 'Shared attention mask' }).focus();
      for (const key of ['ArrowDown', 'PageDown', 'Control+ArrowDown']) await workbench.page.keyboard.press(key);
      await until('the cell is explained', async () => /“/.test(await frame.locator('.cell [role=status]').innerText()));
      await until('its path is there', async () => (await frame.locator('.path mark').count()) === 1);
    },
  },
  packing: {
    /** From the masks. */
    async show({ workbench }) {
      const mask = await workbench.webview('main#mask .side-figures tbody td');
      await mask.locator('vscode-button', { hasText: 'Packing' }).click();
      const frame = await workbench.webview('main#packing .side-figures tbody td');
      await frame.getByRole('application', { name: 'Shared bins' }).focus();
      const told = () => frame.locator('.spot [role=status]').innerText();
      for (const key of ['Home', 'ArrowRight']) await workbench.page.keyboard.press(key);
      // Segments come after their bins.
      await until('a segment is told', async () => {
        await workbench.page.keyboard.press('ArrowUp');
        return /Segment/.test(await told());
      });
    },
  },
  diagnostics: {
    async show({ workbench }) {
      await alone(workbench, 'View: Show Explorer');
      await workbench.page.locator('.explorer-folders-view .monaco-list-row', { hasText: 'draft.jsonl' }).dblclick();
      await workbench.page.locator('.codelens-decoration', { hasText: /[\d,]+ tokens/ }).waitFor();
      await workbench.page.locator('.part.statusbar [id="status.problems"] a').click();
      await until('the problems are listed', async () => (await workbench.page.locator('.markers-panel .monaco-list-row').count()) > 2);
    },
  },
  table: {
    size: { width: 1302, height: 900 },
    area: editor,
    async show({ workbench }) {
      await alone(workbench, 'View: Show Explorer');
      await new TextEditor(workbench).open('preferences.jsonl');
      await workbench.command('Wishbone: Show Dataset as a Table');
      const frame = await workbench.webview('main#table .grid');
      await workbench.sideBar(false);
      await until('margins are there', async () => /^Margins of /.test(await frame.locator('.run-choice vscode-button').innerText()));
      await until('with histograms', async () => (await frame.locator('.histogram').count()) === 8);
      const margin = frame.locator('.head .sort', { hasText: /^Margin$/ });
      await margin.click();
      await frame.locator('.grid').focus();
      for (const key of ['Home', 'ArrowDown', 'Enter']) await workbench.page.keyboard.press(key);
      await frame.locator('.pair h2', { hasText: 'Row' }).waitFor();
      await frame.locator('.pair .sides').evaluate((part) => part.scrollIntoView({ block: 'end' }));
    },
  },
  try: {
    size: { width: 1100, height: 820 },
    area: editor,
    async show({ workbench }) {
      await alone(workbench, 'Wishbone: Try It…', RUN);
      const frame = await workbench.webview('main#try .prompt');
      await workbench.sideBar(false);
      await frame.locator('.settings-box > summary').click();
      await frame.locator('[data-field="maxTokens"] input').fill('48');
      await frame.locator('.settings-box > summary').click();
      await frame.locator('vscode-button[aria-label="Choose a prompt of the evaluation set"]').click();
      await workbench.pick('Does the cash cover a year with the leak?');
      await until('it is put in', async () => (await frame.locator('.prompt:not(.system)').inputValue()) !== '');
      await frame.locator('vscode-button', { hasText: 'Send' }).click();
      await until('both have answered', async () => (await frame.locator('.turn').last().getAttribute('data-state')) === 'over');
      await frame.locator('.system-box[open] > summary').click();
    },
  },
  judge: {
    size: { width: 1100, height: 962 },
    area: editor,
    async show({ workbench, workspace }) {
      await judge(workspace);
      await alone(workbench, 'Wishbone: Open Run', RUN);
      await workbench.sideBar(false);
      const frame = await workbench.webview('main#run .judged');
      await frame.locator('.judged > summary').click();
      await frame.locator('.judged-rate .interval').first().waitFor();
      await frame.locator('.judged-list details[data-outcome=win] summary').first().click();
      await frame.locator('.judged-list h3').nth(4).waitFor();
      await frame.locator('.judged').evaluate((part) => part.scrollIntoView({ block: 'start' }));
    },
  },
  sweep: {
    size: { width: 1440, height: 1000 },
    async show({ workbench, workspace }) {
      await nothingOpen(workbench);
      await sideBarWidth(workbench, 440);
      await workbench.command('Wishbone: Focus on Runs View');
      await startSweep(workspace);
      await workbench.command('Wishbone: Launch Run from Config…');
      await workbench.pick(`${SWEEP}.wishbone.json`);
      await new LaunchForm(workbench).figures();
      while (!/[3-7]\/8 done · 1 at work|8\/8 done/.test(await sweepRow(workbench))) await sleep(300);
    },
  },
  runs: {
    size: { width: 1280, height: 580 },
    area: editor,
    async show({ workbench, workspace }) {
      await swept(workspace);
      await alone(workbench, 'Wishbone: Show Runs as a Table');
      await sideBarWidth(workbench, 300);
      await workbench.sideBar(false);
      const frame = await workbench.webview('main#runs .grid');
      // In a table this narrow the figures and options are what counts.
      await frame.locator('vscode-button', { hasText: 'Columns…' }).click();
      for (const column of ['Created', 'Tags', 'Steps', 'epochs', 'Best loss']) {
        await frame.locator('.chooser vscode-text-field input').fill(column);
        const box = frame.locator('.chooser label', { hasText: new RegExp(`^\\s*${column}\\b`) }).first();
        if (await box.locator('input').isChecked()) await box.click();
      }
      await frame.locator('.chooser vscode-button', { hasText: 'Close' }).click();
      await frame.locator('.group-by vscode-dropdown').click();
      await frame.locator('.group-by vscode-option', { hasText: 'By learning_rate' }).first().click();
      await frame.locator('.lines > .group').first().waitFor();
      await frame.locator('.head .sort', { hasText: /^Loss/ }).click();
      await frame.locator('.lines > .run').nth(1).click();
    },
  },
  why: {
    size: { width: 1100, height: 930 },
    area: editor,
    async show({ workbench, workspace }) {
      await swept(workspace);
      await alone(workbench, 'Wishbone: Why Did Chosen Rewards Fall?', FALLEN);
      await workbench.sideBar(false);
      const frame = await workbench.webview('main#run .why[open]');
      await frame.locator('.why-state', { hasText: /^Chosen responses became less likely/ }).waitFor();
      await frame.locator('.why').evaluate((part) => part.scrollIntoView({ block: 'start' }));
    },
  },
};

for (const picture of Object.values(README)) picture.area ??= window;
