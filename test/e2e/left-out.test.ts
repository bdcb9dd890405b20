import assert from 'node:assert/strict';
import { access, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { TextEditor } from './support/editor.js';
import { LaunchForm } from './support/form.js';
import { Session } from './support/session.js';
import { until, type Workbench } from './support/workbench.js';

let session: Session;
let workbench: Workbench;
let editor: TextEditor;
let form: LaunchForm;

const good = (i: number): string => JSON.stringify({ id: i, prompt: `Name number ${i}. `, chosen: `It is ${i}.`, rejected: `No ${i}.` });
const bad = (i: number): string => JSON.stringify({ id: i, prompt: `Name number ${i}. `, chosen: i, rejected: `No ${i}.` });
const rows = [good(1), bad(2), bad(3), good(4), good(5), bad(6)];
const orca = ['Why is the sky blue?', 'Who wrote Faust?'].map((question, i) =>
  JSON.stringify({ system: 'You are terse.', question, chosen: `Light ${i}.`, rejected: `Paint ${i}.` }),
);
const python = `"[{'content': 'hi', 'role': 'user'}, {'content': 'a', 'role': 'assistant'}]"`;

before(async () => {
  session = await Session.start();
  workbench = session.workbench;
  editor = new TextEditor(workbench);
  form = new LaunchForm(workbench);
  const put = (name: string, lines: readonly string[]): Promise<void> => writeFile(join(session.workspace, name), `${lines.join('\n')}\n`);
  await put('mixed.jsonl', rows);
  await put('orca.jsonl', orca);
  await put('orca.wishbone.json', ['{', '  "version": 1,', '  "dataset": "orca.jsonl",', '  "plan": { "batch_size": 2 }', '}']);
  await put('table.csv', ['prompt,chosen,rejected', `hi,${python},b`, 'too,few', 'a b,c,d', 'few,too']);
  await workbench.open(session.url);
});

after(async () => {
  await workbench?.screenshot('left-out-last').catch(() => undefined);
  await session?.stop();
});

const problems = (what: string, isAsExpected: (shown: string[]) => boolean): Promise<string[]> =>
  until(what, async () => {
    const shown = await editor.problems();
    return isAsExpected(shown) && shown;
  });
const of = (shown: readonly string[], code: string): string[] => shown.filter((entry) => entry.includes(`wishbone/${code}`));
const file = (name: string): Promise<string> => readFile(join(session.workspace, name), 'utf8');

test('all rows of a kind go to the side file in one edit, and one undo brings them back', async () => {
  await editor.open('mixed.jsonl');
  await workbench.command('Problems: Focus on Problems View');
  const found = await problems('the bad rows and the column that is not read', (shown) => of(shown, 'wrong-type').length === 3);
  assert.match(of(found, 'unread-columns').join(), /One column is not read: id\..*\[Ln 1, Col 3\]/);
  await editor.goTo(2, rows[1]!.indexOf(':2,', rows[1]!.indexOf('chosen')) + 2);
  assert.deepEqual(await editor.fixes(), [
    'Drop the row',
    'Move the row to mixed.rejected.jsonl',
    'Drop all 3 rows with this problem (wrong-type)',
    'Move all 3 rows with this problem (wrong-type) to mixed.rejected.jsonl',
  ]);
  await editor.chooseFix('Move all 3 rows');
  await problems('they are gone', (shown) => of(shown, 'wrong-type').length === 0 && of(shown, 'unread-columns').length === 1);
  const side = await until('the side file is written', () => file('mixed.rejected.jsonl'));
  assert.equal(side, `${[rows[1], rows[2], rows[5]].join('\n')}\n`);
  await editor.undo();
  await problems('they are back', (shown) => of(shown, 'wrong-type').length === 3);
  await until('the side file is gone', () =>
    access(join(session.workspace, 'mixed.rejected.jsonl')).then(
      () => false,
      () => true,
    ),
  );
});

test('columns that read a lost question are written into the run config of the file', async () => {
  await editor.open('orca.jsonl');
  const found = await problems('the lost question', (shown) => of(shown, 'lost-text').length === 1);
  assert.match(of(found, 'lost-text')[0]!, /"system" and "question" hold text in all 2 rows.*and the prompt is empty/);
  await editor.goTo(1, orca[0]!.indexOf('You are') + 1);
  assert.deepEqual((await editor.fixes()).slice(0, 2), [
    'Read as a chat: columns instruction=question',
    'Read as plain text: columns prompt=question',
  ]);
  await editor.chooseFix('Read as a chat');
  await until('the config is shown', async () => (await workbench.tabs()).some((tab) => tab.includes('orca.wishbone.json')));
  await until('it says so', async () => (await editor.lines()).some((line) => line.includes('"columns": "instruction=question"')));
  await until('and so does a message', async () =>
    (await workbench.notifications()).some((text) => /columns is now instruction=question in orca\.wishbone\.json/.test(text)),
  );
  await workbench.clearNotifications();
  await editor.undo();
  await until('it can be undone', async () => !(await editor.lines()).some((line) => line.includes('"columns"')));
});

test('the form offers to train without the rows that cannot be used, and says what it leaves out', async () => {
  await form.open();
  await form.type('dataset', 'mixed.jsonl');
  const frame = await form.frame();
  const offer = frame.locator('.forecast-fault vscode-button', { hasText: 'Train without 3 unreadable rows' });
  await until('the offer is made', () => offer.isVisible());
  assert.match(await form.reason(), /cannot be made/);
  await offer.click();
  assert.equal((await form.figures())['Pairs'], '3');
  const notices = (await frame.locator('.forecast-notices').innerText()).replace(/\s+/g, ' ');
  assert.match(notices, /3 unreadable rows left out 3 rows left out \(lines 2, 3, 6\)/);
  assert.match(notices, /Columns that are not read id/);
  assert.equal(await form.reason(), '');
  await workbench.screenshot('launch-left-out');
});

test('one click in the form reads the question', async () => {
  await form.type('dataset', 'orca.jsonl');
  const frame = await form.frame();
  const read = frame.locator('.forecast-notices vscode-button', { hasText: 'Read as plain text: prompt=question' });
  await until('the warning is there', () => read.isVisible());
  await read.click();
  await until('the warning is about the system text alone', async () => {
    const notices = await frame.locator('.forecast-notices').innerText();
    return !/prompt is empty/.test(notices) && /"system" holds text/.test(notices);
  });
  assert.equal(await frame.locator('[data-field="plan.columns"] input').inputValue(), 'prompt=question');
});

test('a table has its problems at its lines, and a copy is written without its bad rows', async () => {
  await editor.open('table.csv');
  const found = await problems('the table is checked', (shown) => of(shown, 'malformed-row').length === 2);
  assert.match(of(found, 'malformed-row').join(), /The row has 2 cells, but the header has 3.*\[Ln 3, Col 1\]/);
  assert.match(of(found, 'written-messages').join(), /"chosen" holds messages written as text.*\[Ln 2, Col 1\]/);
  await editor.goTo(3, 2);
  assert.deepEqual(await editor.fixes(), ['Write a copy without all 2 rows with this problem (malformed-row)…']);
  await editor.chooseFix('Write a copy');
  const accept = workbench.page.locator('.quick-input-widget .quick-input-action .monaco-button', { hasText: 'OK' });
  await accept.waitFor();
  await accept.click();
  const copy = await until('the copy is written', () => file('table.cleaned.csv'));
  assert.equal(copy, `prompt,chosen,rejected\nhi,${python},b\na b,c,d\n`);
  assert.equal(await until('and the others', () => file('table.rejected.csv')), 'prompt,chosen,rejected\ntoo,few\nfew,too\n');
  await until('it says so', async () =>
    (await workbench.notifications()).some((text) =>
      /table\.cleaned\.csv has 2 rows of table\.csv; the other 2 are in table\.rejected\.csv/.test(text),
    ),
  );
  assert.ok((await readdir(session.workspace)).every((name) => !name.endsWith('.tmp')));
});

test('a length with which nothing is cut is one fix away', async () => {
  // Of many problems the view draws those that are on the screen.
  await workbench.command('View: Close All Editors');
  await session.settings({ 'wishbone.diagnostics.maxLength': 12 });
  await editor.open('preferences.jsonl');
  const found = await problems('rows are too long', (shown) => of(shown, 'skipped-pair').length > 1);
  const [, line, column] = /\[Ln (\d+), Col (\d+)\]/.exec(of(found, 'skipped-pair')[0]!)!;
  await editor.goTo(Number(line), Number(column) + 1);
  const [title] = await until('the longest is known', async () => {
    const fixes = await editor.fixes();
    if (/^Set max length to \d+$/.test(fixes[0] ?? '')) return fixes;
    await workbench.page.keyboard.press('Escape');
    return undefined;
  });
  const length = Number(/\d+/.exec(title!)![0]);
  assert.ok(length > 12 && length < 4096);
  await editor.chooseFix('Set max length');
  const frame = await form.frame();
  await until(
    'a form has it, for no config trains on the file',
    async () => (await frame.locator('[data-field="plan.max_length"] input').inputValue()) === String(length),
  );
  assert.match(await file('.vscode/settings.json'), new RegExp(`"wishbone\\.diagnostics\\.maxLength": ?${length}`));
});
