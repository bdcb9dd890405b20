// Makes the pictures of the README from the real thing: `npm run pictures`. They go to media/screenshots; the package leaves
// them out. A run is trained on the example data, and a real VS Code shows it, its masks, its bins and a file with faults.
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Session } from '../test/e2e/support/session.ts';
import { until } from '../test/e2e/support/workbench.ts';
import { packForWindow } from './package.mjs';
import { main, output, root } from './shell.mjs';

const folder = join(root, 'media/screenshots');
const RUN = 'shared prefixes';
const size = { width: 1280, height: 800 };

/** Trains the example model on the example pairs. */
async function train(workspace) {
  await output(process.execPath, [
    ...[join(root, 'dist/cli.js'), 'train', join(workspace, 'preferences.jsonl'), '--model', join(workspace, 'tiny-llama')],
    ...['--preset', 'quick', '--batch-size', '8', '--epochs', '3', '--name', RUN, '--runs', join(workspace, '.wishbone/runs')],
  ]);
}

/** Rows of the example data with what goes wrong in such files. */
async function writeFaults(workspace) {
  const rows = (await readFile(join(workspace, 'preferences.jsonl'), 'utf8')).split('\n').slice(4, 10).map((row) => JSON.parse(row));
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
    const frame = await workbench.webview('main#run .chart canvas');
    await until('the curves are there', async () => (await frame.locator('.figures dd').first().innerText()) !== '');
  },
  async mask({ workbench }) {
    await workbench.command('View: Show Explorer');
    await workbench.command('Wishbone: Inspect Masks…');
    await workbench.pick(RUN);
    const frame = await workbench.webview('main#mask .side-figures tbody td');
    await frame.getByRole('application', { name: 'Shared attention mask' }).focus();
    for (const key of ['ArrowDown', 'PageDown', 'Control+ArrowDown']) await workbench.page.keyboard.press(key);
    await until('the cell is explained', async () => /“/.test(await frame.locator('.cell [role=status]').innerText()));
    await until('its path is there', async () => (await frame.locator('.path mark').count()) === 1);
  },
  async packing({ workbench }) {
    await workbench.command('Wishbone: Show Packing…');
    await workbench.pick(RUN);
    const frame = await workbench.webview('main#packing .side-figures tbody td');
    await frame.getByRole('application', { name: 'Shared bins' }).focus();
    for (const key of ['Home', 'ArrowRight', 'ArrowUp', 'ArrowUp']) await workbench.page.keyboard.press(key);
    await until('the segment is told', async () => /Segment/.test(await frame.locator('.spot [role=status]').innerText()));
  },
  async diagnostics({ workbench }) {
    await workbench.page.locator('.explorer-folders-view .monaco-list-row', { hasText: 'draft.jsonl' }).dblclick();
    await workbench.page.locator('.codelens-decoration a', { hasText: 'Inspect Masks' }).waitFor();
    await workbench.command('View: Show Problems');
    await until('the problems are listed', async () => (await workbench.page.locator('.markers-panel .monaco-list-row').count()) > 3);
  },
};

await main(async () => {
  await packForWindow();
  const session = await Session.start();
  try {
    const { workbench, workspace } = session;
    await train(workspace);
    await writeFaults(workspace);
    await workbench.page.setViewportSize(size);
    await workbench.open(session.url);
    await mkdir(folder, { recursive: true });
    for (const [name, show] of Object.entries(PICTURES)) {
      await show(session);
      await workbench.clearNotifications();
      // Two frames later everything is drawn that was told.
      await workbench.page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
      const file = join(folder, `${name}.png`);
      await workbench.page.screenshot({ path: file });
      console.log(`${file}  ${((await stat(file)).size / 1024).toFixed(0)} KiB`);
    }
  } finally {
    await session.stop();
  }
});
