// Datasets as tables: JSON lines, Parquet and gzip are opened, filtered, sorted, searched, compared and changed, by mouse and by keys.

import assert from 'node:assert/strict';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { after, before } from 'node:test';
import type { Frame } from 'playwright-core';
import { gzipSync } from 'node:zlib';
import { RowTokenizer } from '../../src/core/checks/row-tokens.js';
import { TextEditor } from './support/editor.js';
import { Session } from './support/session.js';
import { oneAfterAnother } from './support/steps.js';
import { inEveryTheme } from './support/themes.js';
import { until, type Workbench } from './support/workbench.js';

const fixtures = resolve(import.meta.dirname, '../fixtures/datasets');
const step = oneAfterAnother();
let session: Session;
let workbench: Workbench;
let editor: TextEditor;

const ROWS = 2000;
const COMMAND = 'Wishbone: Show Dataset as a Table';
const row = (i: number) => ({
  prompt: [
    { role: 'system', content: 'Answer briefly.' },
    { role: 'user', content: `Question ${i}: <b>what</b> is ${i} plus one?` },
  ],
  chosen: [{ role: 'assistant', content: `It is ${i + 1}, of course.` }],
  rejected: [{ role: 'assistant', content: i % 500 === 4 ? '' : `It is ${i + 2}, ${'I think '.repeat(i % 7)}of course.` }],
  source: ['sums', 'riddles'][i % 2],
});
const lines = Array.from({ length: ROWS }, (_, i) => `${JSON.stringify(row(i))}\n`).join('');
const file = (name: string): string => join(session.workspace, name);

before(async () => {
  session = await Session.start();
  ({ workbench } = session);
  editor = new TextEditor(workbench);
  await writeFile(file('sums.jsonl'), lines);
  await writeFile(file('packed.jsonl.gz'), gzipSync(lines));
  const hostile = [
    { prompt: '<img src=x onerror="document.title=1">', chosen: 'x'.repeat(3e6), rejected: '\u0000\u001b[31m\u202eright to left' },
    { prompt: '😀'.repeat(1e5), chosen: 'a', rejected: 'b' },
  ];
  const deep = `{"prompt": "deep", "chosen": "a", "rejected": "b", "more": ${'['.repeat(3000)}${']'.repeat(3000)}}`;
  await writeFile(file('hostile.jsonl'), `${hostile.map((each) => JSON.stringify(each)).join('\n')}\n${deep}\n{"prompt": \n`);
  await copyFile(join(fixtures, 'good/trl-explicit-messages.parquet'), file('pairs.parquet'));
  await copyFile(resolve(import.meta.dirname, '../unit/dataset/arrow/shuffled/data-00000-of-00001.arrow'), file('pairs.arrow'));
  await workbench.open(session.url);
  await workbench.page.setViewportSize({ width: 1500, height: 850 });
});

after(async () => {
  await workbench?.screenshot('table-last').catch(() => undefined);
  await session?.stop();
});

const page = (): Promise<Frame> => workbench.webview('main#table .grid');
const status = async (): Promise<string> => (await page()).locator('.count').innerText();
/** What the lines that are there have in a column, in their order. */
const column = async (selector: string): Promise<string[]> =>
  (await page())
    .locator('.lines > .line:not(.coming)')
    .evaluateAll(
      (all, place) =>
        all
          .sort((a, b) => Number((a as HTMLElement).dataset['line']) - Number((b as HTMLElement).dataset['line']))
          .map((line) => line.querySelector(place)?.textContent ?? ''),
      selector,
    );
const numbers = (): Promise<string[]> => column('.row-number');
const filterField = async () => (await page()).locator('.toolbar vscode-text-field').locator('input');
const head = async (label: string) => (await page()).locator('.head .sort', { hasText: new RegExp(`^${label}`) });
const button = async (label: string) => (await page()).locator('vscode-button', { hasText: label }).first();
const filtered = async (text: string, wanted: string): Promise<void> => {
  await (await filterField()).fill(text);
  await until(`${text} finds ${wanted}`, async () => (await status()) === wanted);
};

async function open(name: string): Promise<Frame> {
  await workbench.command('View: Close All Editors');
  await editor.open(name).catch(() => undefined);
  await workbench.command(COMMAND);
  return page();
}

step('JSON lines open as a table, with only the lines in view', async () => {
  const frame = await open('sums.jsonl');
  await until('all are there', async () => (await status()) === '2,000 pairs');
  await until('the first are drawn', async () => (await numbers())[0] === '1');
  assert.equal(await frame.locator('.grid').getAttribute('aria-rowcount'), String(ROWS + 1));
  assert.ok((await frame.locator('.lines > .line').count()) < 60);
  assert.match((await column('.prompt'))[1]!, /^user, 2 messages Question 1: <b>what<\/b> is 1 plus one\?$/);
  const second = frame.locator('.lines > .line[data-line="2"]');
  assert.equal(await second.locator('.chosen ins').innerText(), '3');
  assert.ok((await second.locator('.rejected del').allInnerTexts()).join('').includes('I think'));
  await until('there are histograms', async () => (await frame.locator('.histogram').count()) === 4);
  assert.equal((await column('.source'))[1], 'riddles');
  assert.equal(await (await head('Source')).count(), 1);
  assert.equal(await frame.locator('.grid').getAttribute('aria-colcount'), '10');
  await workbench.screenshot('table-jsonl');
});

step('the scroll bar and keys reach the last line', async () => {
  const frame = await page();
  await frame.locator('.grid').evaluate((grid) => (grid.scrollTop = grid.scrollHeight));
  await until('the last is drawn', async () => (await numbers()).at(-1) === '2,000');
  await frame.locator('.grid').focus();
  await workbench.page.keyboard.press('Home');
  await until('the first is drawn', async () => (await numbers())[0] === '1');
  await workbench.page.keyboard.press('End');
  await until('the last is drawn again', async () => (await numbers()).at(-1) === '2,000');
  assert.match((await frame.locator('.grid').getAttribute('aria-activedescendant')) ?? '', /^line-1999$/);
  await workbench.page.keyboard.press('Home');
});

step('it is filtered by words, problems, sources and lengths', async () => {
  await filtered('"question 77"', '11 of 2,000 pairs');
  await filtered('problem:empty-response', '4 of 2,000 pairs');
  await until('they are', async () => (await numbers()).join() === '5,505,1,005,1,505');
  const shorter = Array.from({ length: ROWS }, (_, i) => row(i)).filter(({ chosen, rejected, source }) => {
    const [own, other] = [chosen[0]!.content.length, rejected[0]!.content.length];
    return source === 'riddles' && other > 0 && own < other;
  });
  assert.ok(shorter.length > 800);
  await filtered('source:riddles difference<0', `${shorter.length} of 2,000 pairs`);
  await filtered('no such words', '0 of 2,000 pairs');
  const frame = await page();
  await frame.locator('.grid').focus();
  await workbench.page.keyboard.press('Escape');
  await (await filterField()).fill('');
  await until('all are back', async () => (await status()) === '2,000 pairs');
  await frame.locator('.histogram').nth(2).locator('.bar').first().click();
  await until('a bar filters', async () => /^\d/.test(await status()) && (await status()).includes(' of 2,000 pairs'));
  assert.match(await (await filterField()).inputValue(), /^rejected<\d+$/);
  await (await filterField()).fill('');
  await until('all are back', async () => (await status()) === '2,000 pairs');
});

step('it is sorted by a head, one way, the other way, and not', async () => {
  await (await head('Longer')).click();
  const frame = await page();
  const longer = (): Promise<string[]> => column('.cell:nth-child(9)');
  await until('most first', async () => ((await longer())[0] ?? '').startsWith('+') || (await longer())[0] === '0');
  await (await head('Longer')).click();
  await until('least first', async () => Number(((await longer())[0] ?? '').replace('−', '-')) < -40);
  assert.equal(await frame.locator('[role=columnheader][aria-sort=ascending]').count(), 1);
  await (await head('Longer')).click();
  await until('the order of the file', async () => (await numbers())[0] === '1');
});

step('lengths are in tokens of a model, once they are counted', async () => {
  const frame = await page();
  const tokenizer = await RowTokenizer.load(resolve(import.meta.dirname, '../../examples/tiny-llama'));
  const { prompt, chosen, rejected, cut } = tokenizer.row(JSON.stringify(row(1)), 1024)!.pairs[0]!;
  await frame.locator('.unit-choice vscode-dropdown').click();
  await frame.locator('.unit-choice vscode-option', { hasText: 'In tokens of tiny-llama' }).click();
  const wanted = [prompt, chosen + cut.chosen - prompt, rejected + cut.rejected - prompt].join();
  await until('they are counted', async () => {
    const second = frame.locator('.lines > .line[data-line="1"] .amount');
    return (await second.allInnerTexts()).slice(0, 3).join() === wanted;
  });
  assert.ok((await frame.locator('.head .unit').allInnerTexts()).every((unit) => unit === 'tokens'));
  await filtered('chosen_characters>1 tokens<1', '0 of 2,000 pairs');
  await (await filterField()).fill('');
  await until('all are back', async () => (await status()) === '2,000 pairs');
});

step('a pair shows its conversation; Enter opens and Escape closes it', async () => {
  const frame = await page();
  await frame.locator('.grid').focus();
  await workbench.page.keyboard.press('ArrowDown');
  await workbench.page.keyboard.press('Enter');
  await frame.locator('.pair h2', { hasText: 'Row 2, line 2' }).waitFor();
  assert.deepEqual(await frame.locator('.pair .role').allInnerTexts(), ['system', 'user', 'assistant', 'assistant']);
  await workbench.page.keyboard.press('ArrowDown');
  await frame.locator('.pair h2', { hasText: 'Row 3' }).waitFor();
  await inEveryTheme(session, 'table', page);
});

step('a text is changed, saved by nobody, and undone by VS Code', async () => {
  const frame = await page();
  await frame.locator('.pair .chosen vscode-button', { hasText: 'Edit' }).click();
  await frame.locator('.pair .write').fill('It is "three".\nReally.');
  await frame.locator('.pair .write').press('Control+Enter');
  await until('the table has it', async () => (await column('.chosen'))[2]?.includes('"three"'));
  await until('so has the pane', async () => (await frame.locator('.pair .chosen .turn-text').innerText()).includes('Really.'));
  await until('it is not saved', async () => (await workbench.page.locator('.tab.dirty').count()) > 0);
  assert.equal(await readFile(file('sums.jsonl'), 'utf8'), lines);
  await workbench.screenshot('table-edited');
  await frame.locator('.grid').focus();
  await workbench.page.keyboard.press('Control+z');
  await until('it is undone', async () => (await column('.chosen'))[2]?.includes('3, of course'));
  await until('nothing is left to save', async () => (await workbench.page.locator('.tab.dirty').count()) === 0);
});

step('its tokens are shown in the mask inspector, whose model is asked for', async () => {
  const frame = await page();
  await frame.locator('.pair vscode-button', { hasText: 'Show Tokens…' }).click();
  await until('the model is asked for', () => workbench.page.locator('.quick-input-widget', { hasText: 'tiny-llama' }).isVisible());
  await workbench.page.keyboard.press('Escape');
});

step('responses are compared in the diff editor', async () => {
  const frame = await page();
  await frame.locator('.grid').focus();
  await workbench.page.keyboard.press('Control+Enter');
  await until('the diff editor has them', async () =>
    (await workbench.tabs()).some((name) => name.includes('sums.jsonl row 3: rejected ↔ chosen')),
  );
  await until('with both texts', async () => {
    const text = (await workbench.page.locator('.monaco-diff-editor .view-lines').allInnerTexts()).join(' ').replaceAll('\u00a0', ' ');
    return text.includes('It is 3, of course.') && text.includes('It is 4,');
  });
  await workbench.screenshot('table-diff');
});

step('a table is asked for by the menu of the Datasets view, whatever is open, and by a list where nothing is', async () => {
  const title = (): Promise<string> => workbench.page.locator('.tabs-container .tab.active .label-name').innerText();
  await workbench.page.locator('.tabs-container .tab', { hasText: 'sums.jsonl' }).first().click();
  await workbench.command('Wishbone: Focus on Datasets View');
  const entry = workbench.page.locator('.part.sidebar .monaco-list-row', { hasText: 'bad.jsonl' }).first();
  await entry.click({ button: 'right' });
  const item = workbench.page.locator('.monaco-menu .action-label', { hasText: 'Show Dataset as a Table' });
  // A menu takes no click in its first moments.
  await until('the menu is used', async () => {
    await item.click({ timeout: 5000 });
    return item.waitFor({ state: 'detached', timeout: 1000 }).then(() => true);
  });
  await until('the table of that file', async () => (await title()) === 'bad.jsonl');
  await workbench.command('View: Close All Editors');
  await workbench.command(COMMAND);
  await workbench.pick('bad.jsonl');
  await until('the table of what was chosen', async () => (await title()) === 'bad.jsonl' && (await column('.prompt')).length > 0);
});

step('commands on a dataset mean the one whose table is in front', async () => {
  await workbench.command('Wishbone: Write Cleaned Copy…');
  await workbench.page.locator('.quick-input-title', { hasText: 'Rows to Leave Out of a Copy of bad.jsonl' }).waitFor();
  await workbench.page.keyboard.press('Escape');
  await workbench.command('Wishbone: Launch Run…');
  const form = await workbench.webview('[data-field="dataset"] input');
  await until('the form has it', async () => (await form.locator('[data-field="dataset"] input').inputValue()) === file('bad.jsonl'));
});

step('Parquet, Arrow and gzip open as tables too, and are not changed', async () => {
  let frame = await open('packed.jsonl.gz');
  await until('all are there', async () => (await status()) === '2,000 pairs');
  await filtered('"question 1999"', '1 of 2,000 pairs');
  await until('it is the last', async () => (await numbers()).join() === '2,000');
  await (await filterField()).fill('');
  await frame.locator('.grid').focus();
  await workbench.page.keyboard.press('Home');
  await until('it is the first', async () => (await numbers())[0] === '1');
  await (await button('Show Pair')).click();
  await frame.locator('.pair h2', { hasText: 'Row 1' }).waitFor();
  assert.equal(await frame.locator('.pair .edit').count(), 0);
  frame = await open('pairs.parquet');
  await until('rows are drawn', async () => (await numbers())[0] === '1');
  assert.ok((await column('.prompt'))[0]);
  await workbench.screenshot('table-parquet');
  frame = await open('pairs.arrow');
  await until('all are there', async () => (await status()) === '7 pairs' && (await numbers()).length === 7);
  assert.match((await column('.prompt'))[0]!, /^Question \d+\?$/);
  await workbench.screenshot('table-arrow');
});

step('rows that mean harm are lines like others', async () => {
  const frame = await open('hostile.jsonl');
  await until('all are there', async () => (await status()) === '4 pairs' && (await numbers()).length === 4);
  assert.equal(await frame.locator('.lines img').count(), 0);
  assert.equal(await (await head('Source')).count(), 0, 'no row says where it is from');
  assert.equal((await column('.prompt'))[0], '<img src=x onerror="document.title=1">');
  assert.match((await column('.rejected'))[0]!, /\\u0000\\u001b\[31m\\u202e/);
  assert.ok((await column('.chosen'))[0]!.length < 500);
  assert.match((await column('.problems'))[3]!, /malformed-row/);
  await frame.locator('.grid').focus();
  await workbench.page.keyboard.press('Enter');
  await frame.locator('.pair h2', { hasText: 'Row 1' }).waitFor();
  assert.ok((await frame.locator('.pair').innerText()).length < 60_000);
  await workbench.screenshot('table-hostile');
});
