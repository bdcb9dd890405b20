// Makes the pictures from the real thing: `npm run pictures [readme] [walkthrough]`. Those of the README go to
// media/screenshots, which the package leaves out; those of the walkthrough, in a dark and a light theme, to
// media/walkthrough. A run is trained on the example data, and a real VS Code shows it, its masks, its bins and a file with
// faults.
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Session } from '../test/e2e/support/session.ts';
import { until } from '../test/e2e/support/workbench.ts';
import { packForWindow } from './package.mjs';
import { WALKTHROUGH } from './walkthrough-pictures.mjs';
import { Failure, main, output, root } from './shell.mjs';

const folder = join(root, 'media/screenshots');
/** The run that is shown. */
const RUN = 'shared prefixes';
const size = { width: 1440, height: 900 };

/** Trains the example model on the example pairs. */
async function train(workspace) {
  await output(process.execPath, [
    ...[join(root, 'dist/cli.js'), 'train', join(workspace, 'preferences.jsonl'), '--model', join(workspace, 'tiny-llama')],
    ...['--preset', 'quick', '--batch-size', '8', '--epochs', '3', '--name', RUN, '--runs', join(workspace, '.wishbone/runs')],
  ]);
}

/** Rows of the example data with what goes wrong in such files. */
async function writeFaults(workspace) {
  const rows = (await readFile(join(workspace, 'preferences.jsonl'), 'utf8'))
    .split('\n')
    .slice(4, 10)
    .map((row) => JSON.parse(row));
  rows[1].rejected = rows[1].chosen;
  rows[2].chosen.at(-1).content = ' ';
  rows[4] = { ...rows[3], chosen: rows[3].rejected, rejected: rows[3].chosen };
  await writeFile(join(workspace, 'draft.jsonl'), `${rows.map((row) => JSON.stringify(row)).join('\n')}\n`);
}

const PICTURES = {
  async run({ workbench }) {
    await workbench.command('Wishbone: Focus on Runs View');
    await workbench.command('Wishbone: Open Run');
    await workbench.pick(RUN);
    const frame = await workbench.webview('main#run .chart .canvas canvas');
    await until('the curves are there', async () => (await frame.locator('.figures dd').first().innerText()) !== '');
  },
  async mask({ workbench }) {
    await workbench.command('View: Show Explorer');
    await workbench.page.locator('.explorer-folders-view .monaco-list-row', { hasText: 'preferences.jsonl' }).click();
    await workbench.page.locator('.codelens-decoration a', { hasText: 'Inspect Masks' }).click();
    for (const choice of ['tiny-llama', 'Show']) await workbench.pick(choice);
    const frame = await workbench.webview('main#mask .side-figures tbody td');
    await frame.getByRole('application', { name: 'Shared attention mask' }).focus();
    for (const key of ['ArrowDown', 'PageDown', 'Control+ArrowDown']) await workbench.page.keyboard.press(key);
    await until('the cell is explained', async () => /“/.test(await frame.locator('.cell [role=status]').innerText()));
    await until('its path is there', async () => (await frame.locator('.path mark').count()) === 1);
  },
  async packing({ workbench }) {
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
  async diagnostics({ workbench }) {
    await workbench.page.locator('.explorer-folders-view .monaco-list-row', { hasText: 'draft.jsonl' }).dblclick();
    await workbench.page.locator('.codelens-decoration a', { hasText: 'Inspect Masks' }).waitFor();
    await workbench.page.locator('.part.statusbar [id="status.problems"] a').click();
    await until('the problems are listed', async () => (await workbench.page.locator('.markers-panel .monaco-list-row').count()) > 2);
  },
};

/** Takes pictures one after the other. @returns those that could not be made, and why */
async function take(session, pictures, file, area) {
  const { workbench } = session;
  const failed = [];
  for (const [name, show] of Object.entries(pictures)) {
    try {
      await show(session);
    } catch (error) {
      // What was on the screen then is in test-results; the other pictures are made all the same.
      await workbench.screenshot(`picture-${name}`);
      failed.push(`${name}: ${error.message.split('\n')[0]}`);
      continue;
    }
    await workbench.clearNotifications();
    // Two frames later everything is drawn that was told.
    await workbench.page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    const path = file(name);
    await workbench.page.screenshot({ path, ...(await area(name)) });
    console.log(`${path}  ${((await stat(path)).size / 1024).toFixed(0)} KiB`);
  }
  return failed;
}

const whole = async () => ({});

async function takeForReadme(session) {
  await mkdir(folder, { recursive: true });
  await session.workbench.page.setViewportSize(size);
  return take(session, PICTURES, (name) => join(folder, `${name}.png`), whole);
}

async function takeForWalkthrough(session) {
  const { workbench } = session;
  const failed = [];
  await workbench.page.setViewportSize({ width: 900, height: 640 });
  for (const [suffix, theme, base] of [
    ['dark', 'Default Dark Modern', 'vs-dark'],
    ['light', 'Default Light Modern', 'vs'],
  ]) {
    await session.settings({ 'editor.minimap.enabled': false, 'workbench.colorTheme': theme });
    await workbench.themed(base);
    const show = Object.fromEntries(Object.entries(WALKTHROUGH).map(([name, picture]) => [name, picture.show]));
    failed.push(
      ...(await take(
        session,
        show,
        (name) => join(root, `media/walkthrough/${name}-${suffix}.png`),
        async (name) => ({ clip: await WALKTHROUGH[name].clip(session) }),
      )),
    );
  }
  return failed;
}

await main(async () => {
  const wanted = process.argv.slice(2);
  const is = (name) => wanted.length === 0 || wanted.includes(name);
  await packForWindow();
  const session = await Session.start();
  try {
    const { workbench, workspace } = session;
    await train(workspace);
    await writeFaults(workspace);
    await workbench.open(session.url);
    const failed = [...(is('readme') ? await takeForReadme(session) : []), ...(is('walkthrough') ? await takeForWalkthrough(session) : [])];
    if (failed.length > 0) throw new Failure(`Pictures that could not be made: ${failed.join('; ')}`);
  } finally {
    await session.stop();
  }
});
