// What the pictures of the walkthrough show, one a step, and which part of the window.
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { LaunchForm } from '../test/e2e/support/form.ts';
import { until } from '../test/e2e/support/workbench.ts';
import { root } from './shell.mjs';

/** A part of the window, with as much around it as there is. */
const part =
  (selector) =>
  async ({ workbench }) =>
    workbench.page.locator(selector).first().boundingBox();

const editor = part('.part.editor');
/** Side bar and editor without the bars around them. */
async function middle(session) {
  const [side, main] = [await part('.part.sidebar')(session), await editor(session)];
  return { x: side.x, y: side.y, width: main.x + main.width - side.x, height: Math.min(side.height, 460) };
}

/** Nothing open, with a side bar or without. */
async function clean({ workbench }, { sideBar }) {
  const { page } = workbench;
  await workbench.sideBar(true);
  await workbench.command('View: Close All Editors');
  if (await page.locator('.part.panel').isVisible())
    await page.locator('.part.panel .codicon-panel-close, .part.panel .codicon-close').first().click();
  return { hide: () => (sideBar ? undefined : workbench.sideBar(false)) };
}

export const WALKTHROUGH = {
  example: {
    async show(session) {
      const { workbench, workspace } = session;
      await clean(session, { sideBar: true });
      for (const file of ['README.md', 'example.wishbone.json']) await cp(join(root, 'examples', file), join(workspace, file));
      await workbench.command('View: Show Explorer');
      await workbench.page.locator('.explorer-folders-view .monaco-list-row', { hasText: 'example.wishbone.json' }).dblclick();
      await workbench.page.locator('.codelens-decoration a', { hasText: 'Launch Run' }).waitFor();
    },
    clip: middle,
  },
  data: {
    async show(session) {
      const { workbench } = session;
      const { hide } = await clean(session, { sideBar: false });
      await workbench.command('View: Show Explorer');
      await workbench.page.locator('.explorer-folders-view .monaco-list-row', { hasText: 'draft.jsonl' }).dblclick();
      await hide();
      await workbench.page.locator('.codelens-decoration', { hasText: /[\d,]+ tokens/ }).waitFor();
      await workbench.page.locator('.part.statusbar [id="status.problems"] a').click();
      await until('the problems are listed', async () => (await workbench.page.locator('.markers-panel .monaco-list-row').count()) > 2);
    },
    async clip(session) {
      const [main, panel] = [await editor(session), await part('.part.panel')(session)];
      return { x: main.x, y: main.y, width: main.width, height: panel.y + panel.height - main.y };
    },
  },
  device: {
    async show(session) {
      const { workbench } = session;
      await clean(session, { sideBar: true });
      await workbench.command('Wishbone: Focus on Devices View');
      const text = () => workbench.page.locator('.part.sidebar').innerText();
      await until('devices and datasets are listed', async () => /thread/.test(await text()) && !/reading/.test(await text()));
    },
    clip: part('.part.sidebar'),
  },
  launch: {
    async show(session) {
      const { hide } = await clean(session, { sideBar: false });
      const form = new LaunchForm(session.workbench);
      await form.open();
      await hide();
      await form.type('dataset', 'preferences.jsonl');
      await form.figures();
    },
    clip: editor,
  },
  watch: {
    async show(session) {
      const { workbench } = session;
      const { hide } = await clean(session, { sideBar: false });
      await workbench.command('Wishbone: Open Run');
      await workbench.pick('shared prefixes');
      await hide();
      const frame = await workbench.webview('main#run .chart .canvas canvas');
      await until('the curves are there', async () => (await frame.locator('.figures dd').first().innerText()) !== '');
    },
    clip: editor,
  },
  try: {
    async show(session) {
      const { workbench } = session;
      const { hide } = await clean(session, { sideBar: false });
      await workbench.command('Wishbone: Try It…');
      await workbench.pick('shared prefixes');
      await hide();
      const frame = await workbench.webview('main#try .prompt');
      if ((await frame.locator('.turn').count()) > 0) return;
      await frame.locator('.settings-box > summary').click();
      await frame.locator('[data-field="maxTokens"] input').fill('60');
      await frame.locator('.settings-box > summary').click();
      await frame.locator('.prompt:not(.system)').fill('Which of the two reports should I read first, and why?');
      await frame.locator('vscode-button', { hasText: 'Send' }).click();
      await until('both have answered', async () => (await frame.locator('.turn').first().getAttribute('data-state')) === 'over');
    },
    clip: editor,
  },
  speedup: {
    async show(session) {
      const { workbench } = session;
      const { hide } = await clean(session, { sideBar: false });
      await workbench.command('Wishbone: Measure Speedup…');
      const frame = await workbench.webview('main#speedup .field');
      await hide();
      await frame.locator('[data-field="dataset"] input').fill('preferences.jsonl');
      await frame.locator('[data-field="pairs"] input').fill('32');
      await frame.locator('[data-field="rounds"] input').fill('2');
      const reason = frame.locator('.measure .reason');
      await until('it can be measured', async () => (await reason.textContent()) === '');
      await frame.locator('vscode-button', { hasText: 'Measure Now' }).click();
      await frame.locator('canvas').waitFor();
      await frame.locator('canvas').scrollIntoViewIfNeeded();
    },
    clip: editor,
  },
};
