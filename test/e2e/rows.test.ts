// Files that no text editor shows, and the menus that lead from files to what can be done with them.

import assert from 'node:assert/strict';
import { copyFile, cp, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { after, before } from 'node:test';
import { gzipSync } from 'node:zlib';
import { TextEditor } from './support/editor.js';
import { LaunchForm } from './support/form.js';
import { Session } from './support/session.js';
import { oneAfterAnother } from './support/steps.js';
import { until, type Workbench } from './support/workbench.js';

const fixtures = resolve(import.meta.dirname, '../fixtures/datasets');
const arrow = resolve(import.meta.dirname, '../unit/dataset/arrow');
const step = oneAfterAnother();
let session: Session;
let workbench: Workbench;
let editor: TextEditor;

const pair = (i: number) =>
  JSON.stringify({
    prompt: [{ role: 'user', content: `What is ${i} plus one? Give the number alone.` }],
    chosen: [{ role: 'assistant', content: `${i + 1}` }],
    rejected: [{ role: 'assistant', content: i === 4 ? '' : 'I do not know.' }],
  });
const packed = gzipSync(Array.from({ length: 1100 }, (_, i) => `${pair(i)}\n`).join(''));

before(async () => {
  session = await Session.start();
  ({ workbench } = session);
  editor = new TextEditor(workbench);
  const put = (name: string, content: string | Buffer): Promise<void> => writeFile(join(session.workspace, name), content);
  await put('packed.jsonl.gz', packed);
  await put('cut-off.jsonl.gz', packed.subarray(0, packed.length / 2));
  await put(
    'list.json',
    JSON.stringify(
      [1, 2, 3].map((i) => JSON.parse(pair(i)) as unknown),
      null,
      2,
    ),
  );
  await put('package.json', '{"name": "x"}');
  await put('dpo.yaml', 'beta: 0.1\nmax_length: 512\n');
  await put('notes.txt', 'nothing to train on\n');
  await copyFile(join(fixtures, 'columns/binarized.parquet'), join(session.workspace, 'binarized.parquet'));
  await copyFile(join(arrow, 'shuffled/data-00000-of-00001.arrow'), join(session.workspace, 'shuffled.arrow'));
  await cp(join(arrow, 'messages'), join(session.workspace, 'saved-pairs'), { recursive: true });
  await workbench.open(session.url);
});

after(async () => {
  await workbench?.screenshot('rows-last').catch(() => undefined);
  await session?.stop();
});

function lens(what: RegExp): Promise<string> {
  return until(`a lens says ${what.source}`, async () => (await editor.lenses()).find((text) => what.test(text)));
}

step('a packed file opens as its first rows, with the number of all', async () => {
  await editor.open('packed.jsonl.gz');
  await lens(/^First 1,000 of 1,100 rows, read-only$/);
  await lens(/^999 pairs · 1 error/);
  const [first] = await editor.lines();
  assert.match(first!, /"What is 0 plus one\?/);
  assert.deepEqual(
    (await workbench.tabs()).filter((name) => name.includes('packed')),
    ['packed.jsonl.gz'],
    'one tab',
  );
  await workbench.screenshot('rows-packed');
});

step('its rows are checked, and the mouse shows what they say', async () => {
  await workbench.command('Problems: Focus on Problems View');
  await until('the empty response is listed', async () =>
    (await editor.problems()).some((text) => /wishbone\/empty-response \[Ln 5, /.test(text)),
  );
  await until('its row is marked', async () => (await workbench.page.locator('.editor-instance .glyph-margin-widgets .cgmr').count()) > 0);
  // A row that cannot be trained on has no tokens, and so no hover.
  await editor.goTo(7, 3);
  const hover = await editor.hover();
  assert.match(hover, /user What is 6 plus one\? Give the number alone\./);
});

step('nothing can be typed into it, and its end says how many rows follow', async () => {
  await editor.goTo(1);
  const before = await editor.lines();
  await workbench.page.keyboard.type('x');
  await workbench.page.keyboard.press('Escape');
  assert.equal((await editor.lines())[0], before[0]);
  await workbench.page.keyboard.press('Control+End');
  await lens(/^100 more rows in the file$/);
  await workbench.screenshot('rows-end');
});

step('the rows are back after a reload', async () => {
  await workbench.reload();
  await until('the tab is back', async () => (await workbench.tabs()).includes('packed.jsonl.gz'));
  await workbench.page.keyboard.press('Control+Home');
  await editor.goTo(1);
  await lens(/^First 1,000 of 1,100 rows, read-only$/);
});

step('Parquet opens as rows; a file that is cut off says so', async () => {
  await workbench.command('View: Close All Editors');
  await editor.open('binarized.parquet');
  const shown = await lens(/^1 row, read-only · 3 columns not shown: prompt_id, score_chosen, score_rejected$/);
  assert.ok(shown !== '');
  await lens(/^\d+ pairs? · /);
  await workbench.screenshot('rows-parquet');
  await workbench.page.locator('.explorer-folders-view .monaco-list-row', { hasText: 'cut-off.jsonl.gz' }).dblclick();
  const frame = await workbench.webview('p[role="status"]');
  await until('it says why', async () =>
    /^The gzip data ends too early\. The file is cut off; download or compress it again\.$/.test(await frame.locator('p').innerText()),
  );
});

step('so does a file of a folder that datasets saved, which the form takes whole', async () => {
  await workbench.command('View: Close All Editors');
  await editor.open('data-00000-of-00001.arrow');
  await lens(/^4 rows, read-only$/);
  await lens(/^4 pairs · /);
  await workbench.screenshot('rows-arrow');
  await workbench.command('View: Close All Editors');
  const form = new LaunchForm(workbench);
  await form.open();
  await (await form.frame()).locator('[data-field="dataset"] vscode-button', { hasText: 'Choose' }).click();
  const entry = workbench.page.locator('.quick-input-list .monaco-list-row', { hasText: 'saved-pairs' });
  await until('the folder is listed', async () => /saved-pairs.*prompt, chosen/.test((await entry.innerText()).replace(/\s+/g, ' ')));
  assert.equal(await workbench.page.locator('.quick-input-list .monaco-list-row', { hasText: '00000-of-00001' }).count(), 0);
  await workbench.screenshot('pick-arrow-folder');
  await workbench.pick('saved-pairs');
  await until('the form has the folder', async () => /saved-pairs$/.test(await form.value('dataset')));
  await until('it says what it is', async () => /prompt, chosen/.test(await form.text('dataset')));
  const figures = await form.figures();
  assert.equal(figures['Pairs'], '4');
  await workbench.screenshot('launch-arrow-folder');
});

const menu = () => workbench.page.locator('.monaco-menu .action-label');

/** What the menu of a file in the explorer offers. */
async function entries(open: () => Promise<unknown>): Promise<string[]> {
  await open();
  await menu().first().waitFor();
  const shown = (await menu().allInnerTexts()).filter((text) => text !== '');
  await workbench.page.keyboard.press('Escape');
  await menu().first().waitFor({ state: 'hidden' });
  return shown;
}

const ofFile = (name: string) => () =>
  workbench.page.locator('.explorer-folders-view .monaco-list-row', { hasText: name }).first().click({ button: 'right' });
const forData = ['Launch Run…', 'Inspect Masks…', 'Show Packing…', 'Write Cleaned Copy…'];
const ours = (shown: readonly string[]): string[] =>
  shown.filter((text) => [...forData, 'Convert TRL or LLaMA-Factory Config…', 'Launch Run from Config…'].includes(text));

step('the menu of a file in the explorer has what can be done with it', async () => {
  await workbench.command('View: Close All Editors');
  for (const [name, wanted] of [
    ['preferences.jsonl', forData],
    ['packed.jsonl.gz', forData],
    ['binarized.parquet', forData],
    ['shuffled.arrow', forData],
    ['list.json', forData],
    ['package.json', []],
    ['notes.txt', []],
    ['dpo.yaml', ['Convert TRL or LLaMA-Factory Config…']],
    ['saved-pairs', ['Launch Run…']],
    ['tiny-llama', ['Launch Run…']],
  ] as const) {
    assert.deepEqual(ours(await entries(ofFile(name))), wanted, name);
  }
});

step('a run is launched of a folder: a dataset that was saved as one, or a model', async () => {
  const form = new LaunchForm(workbench);
  for (const [name, field] of [
    ['saved-pairs', 'dataset'],
    ['tiny-llama', 'model'],
  ] as const) {
    await workbench.command('View: Close All Editors');
    await ofFile(name)();
    // A menu that has just opened takes no clicks yet.
    await menu().filter({ hasText: 'Launch Run…' }).hover();
    await workbench.page.keyboard.press('Enter');
    await form.frame();
    await until(`the form has ${name}`, async () => (await form.value(field)).endsWith(name));
  }
});

step('so have the editor, its tab and its title, while it shows a preference file', async () => {
  await editor.open('list.json');
  await lens(/^3 pairs · no problems$/);
  const inText = await entries(() => workbench.page.locator('.editor-instance .view-line').nth(3).click({ button: 'right' }));
  assert.deepEqual(ours(inText), forData);
  const atTab = await entries(() => workbench.page.locator('.tabs-container .tab', { hasText: 'list.json' }).click({ button: 'right' }));
  assert.deepEqual(ours(atTab), forData);
  const title = workbench.page.locator('.editor-group-container.active .title .editor-actions .action-label');
  const actions = await title.evaluateAll((all) => all.map((each) => each.getAttribute('aria-label') ?? ''));
  assert.ok(
    actions.some((label) => label.startsWith('Launch Run')),
    actions.join(),
  );
  assert.ok(
    actions.some((label) => label.startsWith('Inspect Masks')),
    actions.join(),
  );
  await workbench.screenshot('rows-title');
  await editor.open('notes.txt');
  await until('a text file has none of it', async () => {
    const labels = await title.evaluateAll((all) => all.map((each) => each.getAttribute('aria-label') ?? ''));
    return !labels.some((label) => label.startsWith('Launch Run'));
  });
});

step('the palette has every command once', async () => {
  const input = workbench.page.locator('.quick-input-widget .quick-input-box input');
  await until('the palette lists commands', async () => {
    await workbench.page.keyboard.press('F1');
    await input.waitFor({ timeout: 5000 });
    await input.fill('>Wishbone: ');
    return (await workbench.page.locator('.quick-input-list .monaco-list-row').count()) > 8;
  });
  const seen: string[] = [];
  const first = await workbench.page.locator('.quick-input-list .monaco-list-row').first().getAttribute('aria-setsize');
  for (let i = 0; i < Number(first); i++) {
    const row = workbench.page.locator('.quick-input-list .monaco-list-row.focused .monaco-icon-label-container');
    seen.push((await row.first().innerText()).split('\n')[0]!);
    await workbench.page.keyboard.press('ArrowDown');
  }
  await workbench.page.keyboard.press('Escape');
  const commands = seen.filter((label) => label.startsWith('Wishbone: ') && !/Focus on|recently used|similar/.test(label));
  assert.ok(commands.length > 20, commands.join('\n'));
  assert.deepEqual(commands, [...new Set(commands)]);
});
