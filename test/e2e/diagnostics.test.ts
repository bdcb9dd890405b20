import assert from 'node:assert/strict';
import { access, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { outcome, cli } from '../cli/support.js';
import { TextEditor } from './support/editor.js';
import { LaunchForm } from './support/form.js';
import { Session } from './support/session.js';
import { until, type Workbench } from './support/workbench.js';

let session: Session;
let workbench: Workbench;
let editor: TextEditor;

const pair = (question: string, chosen: string, rejected: string) => ({
  prompt: [{ role: 'user', content: question }],
  chosen: [{ role: 'assistant', content: chosen }],
  rejected: [{ role: 'assistant', content: rejected }],
});

const rows: readonly string[] = [
  pair('Which planet is the largest?', 'Jupiter, by far: 318 times the mass of the Earth.', 'Saturn, I think.'),
  pair('Name a prime number.', 'Seven.', ''),
  pair('What is the capital of Peru?', 'Lima.', 'Lima.'),
  pair('Which planet is the largest?', 'Jupiter, by far: 318 times the mass of the Earth.', 'Saturn, I think.'),
  pair('Translate "water" into Latin.', 'Aqua.', 'Caf\u00c3\u00a9.'),
  pair('How many legs has a spider?', 'Eight.', 'Six.<|im_end|>'),
  pair('Is the sea salty?', 'Yes, about 35 grams a litre.  ', 'No.'),
].map((row) => JSON.stringify(row));
const text = [...rows, '{"prompt": "Who wrote Faust?", "chosen": "Goethe.", "rejected": }', ''].join('\n');

before(async () => {
  session = await Session.start();
  workbench = session.workbench;
  editor = new TextEditor(workbench);
  await writeFile(join(session.workspace, 'faulty.jsonl'), text);
  await workbench.open(session.url);
});

after(async () => {
  await workbench?.screenshot('diagnostics-last').catch(() => undefined);
  await session?.stop();
});

/** Waits until the Problems view lists as many entries; resolves to them. */
function listed(count: number): Promise<string[]> {
  return until(`${count} problems are listed`, async () => {
    const found = await editor.problems();
    return found.length === count && found;
  });
}

/** Line and column of what a row has last, as VS Code writes them: responses come last. */
function lastOf(field: string, line: number): [number, number] {
  return [line, text.split('\n')[line - 1]!.lastIndexOf(field) + 1];
}

test('a file with planted faults: each has its entry at the exact field', async () => {
  await editor.open('faulty.jsonl');
  await workbench.command('Problems: Focus on Problems View');
  const found = await listed(7);
  for (const [code, line, field] of [
    ['empty-response', 2, '""}]}'],
    ['equal-responses', 3, '"rejected"'],
    ['duplicate', 4, '"prompt"'],
    ['mojibake', 5, '\u00c3\u00a9'],
    ['template-token', 6, '<|im_end|>'],
    ['outer-white-space', 7, '  "}]'],
    ['malformed-row', 8, '}'],
  ] as const) {
    const [, column] = lastOf(field, line);
    const entry = `wishbone/${code} [Ln ${line}, Col ${column}]`;
    assert.ok(
      found.some((shown) => shown.endsWith(entry)),
      `${entry} in\n${found.join('\n')}`,
    );
  }
});

test('each row with a problem has a mark beside its number, and what is underlined is a word', async () => {
  const marks = workbench.page.locator('.editor-instance .glyph-margin-widgets .cgmr');
  await until('seven rows are marked', async () => (await marks.count()) === 7);
  const box = await workbench.page.locator('.editor-instance .glyph-margin').first().boundingBox();
  for (const mark of await marks.all())
    assert.ok((await mark.boundingBox())!.x <= box!.x + box!.width, 'in view, whatever the length of the row');
  const lines = workbench.page.locator('.editor-instance .cdr[class*="squiggly-"]');
  await until('problems are underlined', async () => (await lines.count()) > 0);
  const letter = await workbench.page
    .locator('.editor-instance .view-line')
    .first()
    .evaluate((line) => Number.parseFloat(getComputedStyle(line).fontSize));
  for (const width of await lines.evaluateAll((all) => all.map((each) => each.getBoundingClientRect().width))) {
    assert.ok(width > 0 && width < 32 * letter, `a word, not a conversation: ${width} pixels`);
  }
});

test('the line above the first one and the status bar sum the file up', async () => {
  const lenses = await until('tokens are counted', async () => {
    const shown = await editor.lenses();
    return shown.some((lens) => lens.includes('with sharing')) && shown;
  });
  assert.equal(lenses[0], '6 pairs · 2 errors, 4 warnings, 1 note');
  assert.match(lenses[1]!, /^tiny-llama: \d+ tokens, \d+ with sharing \(saves \d+% of FLOPs\)$/);
  assert.deepEqual(lenses.slice(2), ['Launch Run…', 'Inspect Masks']);
  assert.match((await workbench.statusBar()).replace(/\s+/g, ' '), /6 pairs 2 4 1/);
});

test('a row says its token split and what sharing saves where it is in view, and under the mouse also what is said', async () => {
  await editor.goTo(1);
  const [hint, split] = await until('the hint is drawn', async () => {
    const [line] = await editor.lines();
    const shown = /^((\d+) \+ (\d+) \| (\d+) · saves \d+%) ?\{"prompt"/.exec(line ?? '');
    return shown !== null && [shown[1]!, shown.slice(2, 5)];
  });
  await editor.goTo(1, 20);
  const hover = await editor.hover();
  const [prompt, chosen, rejected] = split as string[];
  assert.match(hover, new RegExp(`prompt\\s+${prompt}\\s+chosen\\s+${chosen}\\s+rejected\\s+${rejected}\\s`), hint as string);
  assert.match(hover, /Sharing saves \d+% of the tokens and \d+% of the FLOPs/);
  assert.match(
    hover,
    /user Which planet is the largest\?\s+chosen Jupiter, by far: 318 times the mass of the Earth\.\s+rejected Saturn, I think\./,
  );
  for (const [name, theme, base] of [
    ['diagnostics-light', 'Default Light Modern', 'vs'],
    ['diagnostics-high-contrast', 'Default High Contrast', 'hc-black'],
    ['diagnostics-high-contrast-light', 'Default High Contrast Light', 'hc-light'],
    ['diagnostics-dark', 'Default Dark Modern', 'vs-dark'],
  ] as const) {
    await session.theme(theme);
    await workbench.themed(base);
    await editor.goTo(1, 3);
    await editor.hover();
    await workbench.screenshot(name);
  }
});

test('code lens, status bar, Problems view, Datasets view, form and command line say the same numbers', async () => {
  const words = '6 pairs · 2 errors, 4 warnings, 1 note';
  assert.equal((await editor.lenses())[0], words);
  assert.match((await workbench.statusBar()).replace(/\s+/g, ' '), /6 pairs 2 4 1/);
  assert.equal((await editor.problems()).length, 7);
  await workbench.command('Wishbone: Focus on Datasets View');
  const rowsOf = (): Promise<string[]> => workbench.page.locator('.part.sidebar .monaco-list-row').allInnerTexts();
  await until('the view says it', async () => (await rowsOf()).some((row) => row.includes('faulty.jsonl') && row.includes(words)));
  await workbench.screenshot('datasets-counts');
  const { stdout } = await outcome(process.execPath, [
    cli,
    'check',
    join(session.workspace, 'faulty.jsonl'),
    '--model',
    join(session.workspace, 'tiny-llama'),
  ]);
  assert.match(stdout, /6 pairs in 8 rows, trl-explicit; 2 errors, 4 warnings, 1 note$/m);
  await workbench.command('View: Show Explorer');
  await editor.pressLens('Launch Run…');
  const form = new LaunchForm(workbench);
  const frame = await form.frame();
  await until('the form says it', async () => (await frame.locator('[data-field="dataset"]').innerText()).includes(words));
  await workbench.command('View: Close Editor');
  await editor.open('faulty.jsonl');
});

test('fixes: a row is dropped, trimmed or moved to the side file, and each can be undone', async () => {
  await editor.goTo(...lastOf('""}]}', 2));
  assert.deepEqual(await editor.fixes(), ['Drop the row', 'Move the row to faulty.rejected.jsonl']);
  await editor.chooseFix('Drop the row');
  const without = await listed(6);
  assert.ok(!without.some((shown) => shown.includes('empty-response')));
  await editor.undo();
  await listed(7);

  await editor.goTo(...lastOf('  "}]', 7));
  assert.deepEqual(await editor.fixes(), ['Trim the response']);
  await editor.chooseFix('Trim the response');
  assert.ok(!(await listed(6)).some((shown) => shown.includes('outer-white-space')));
  await editor.undo();
  await listed(7);

  await editor.goTo(...lastOf('<|im_end|>', 6));
  await editor.fixes();
  await editor.chooseFix('Move the row to');
  await listed(6);
  const side = join(session.workspace, 'faulty.rejected.jsonl');
  assert.equal(await until('the side file is written', () => readFile(side, 'utf8')), `${rows[5]}\n`);
  await editor.undo();
  await listed(7);
  await until('the side file is gone', () =>
    access(side).then(
      () => false,
      () => true,
    ),
  );
});

test('problems come and go while a row is typed', async () => {
  await editor.goTo(...lastOf('}', 8));
  await workbench.page.keyboard.type('"Mann." ');
  // In between, while only the quotes are there, the row can be read too.
  await until('the row is read to its end', async () => {
    const shown = await editor.problems();
    return (
      !shown.some((entry) => entry.includes('malformed-row')) && shown.some((entry) => entry.endsWith('wishbone/mixed-forms [Ln 8, Col 1]'))
    );
  });
});

test('"Launch Run…" above the first line opens the form with the file in it', async () => {
  await editor.goTo(1);
  await editor.pressLens('Launch Run…');
  const form = new LaunchForm(workbench);
  await until('the form has the file', async () => {
    const dataset = await (await form.frame()).locator('[data-field="dataset"] input').inputValue();
    return dataset.endsWith('faulty.jsonl');
  });
  await workbench.command('View: Close Editor');
});

test('without a model the hover has characters, and says how tokens are counted', async () => {
  await session.settings({ 'wishbone.diagnostics.model': 'none' });
  await until('the line above offers to choose one', async () =>
    (await editor.lenses()).some((lens) => lens === 'Choose a model to count tokens'),
  );
  await editor.goTo(1, 20);
  const hover = await editor.hover();
  assert.match(hover, /characters/);
  assert.match(hover, /Choose a model to count tokens/);
  await workbench.screenshot('diagnostics-no-model-dark');
  await session.settings({ 'wishbone.diagnostics.model': 'no-such-model' });
  const lens = await until('the line above says that it is missing', async () =>
    (await editor.lenses()).find((shown) => shown.startsWith('no-such-model: ') && !/loading/.test(shown)),
  );
  assert.match(lens, /no-such-model: .*(not there|missing|no )/i);
  await editor.goTo(1, 20);
  assert.match(await editor.hover(), /Tokens cannot be counted/);
  await session.settings({});
});

test('settings say which files are looked at, and whether rows have hints', async () => {
  await session.settings({ 'wishbone.diagnostics.exclude': ['**/faulty.jsonl'] });
  await until('nothing is said of it', async () => (await editor.problems()).length === 0 && (await editor.lenses()).length === 0);
  await session.settings({ 'wishbone.diagnostics.include': ['data/*.jsonl'], 'wishbone.diagnostics.hints': false });
  assert.deepEqual(await editor.problems(), []);
  await session.settings({ 'wishbone.diagnostics.hints': false });
  await until('it is checked again', async () => (await editor.problems()).length > 0);
  await editor.goTo(1, lastOf('}', 1)[1]);
  await until('the row is without a hint', async () => /^\{"prompt".*\]\}$/.test((await editor.lines())[0] ?? ''));
  await session.settings({});
  await until('the hint is there again', async () => /^\d+ \+ .* saves \d+% ?\{"prompt"/.test((await editor.lines())[0] ?? ''));
});

test('bytes that are no UTF-8 are an error at their place', async () => {
  const text = `${rows[0]}\n${JSON.stringify(pair('Where does one drink it?', 'In a caf\u00e9.', 'At sea.'))}\n`;
  await writeFile(join(session.workspace, 'latin1.jsonl'), Buffer.from(text, 'latin1'));
  await editor.open('latin1.jsonl');
  const found = await until('it is listed', async () => {
    const shown = await editor.problems();
    return shown.some((entry) => entry.includes('wishbone/invalid-utf8')) && shown;
  });
  assert.ok(
    found.some((entry) => entry.includes('wishbone/invalid-utf8 [Ln 2, ')),
    found.join('\n'),
  );
});

test('an empty file is no preference file, until a row is typed into it', async () => {
  await writeFile(join(session.workspace, 'empty.jsonl'), '');
  await editor.open('empty.jsonl');
  await until('the status bar says nothing of pairs', async () => !/\d pairs?/.test(await workbench.statusBar()));
  assert.deepEqual(await editor.lenses(), []);
  await editor.goTo(1);
  await workbench.page.keyboard.insertText(`${rows[0]}\n`);
  const lenses = await until('the row is counted', async () => {
    const shown = await editor.lenses();
    return shown.length > 0 && shown;
  });
  assert.equal(lenses[0], '1 pair · no problems');
});

test('two windows: what one saves is checked in the other', async () => {
  await writeFile(join(session.workspace, 'both.jsonl'), `${rows[0]}\n`);
  await editor.open('both.jsonl');
  await until('it is checked here', async () => (await editor.lenses())[0] === '1 pair · no problems');
  const other = await session.window();
  await other.open(session.url);
  const there = new TextEditor(other);
  await there.open('both.jsonl');
  await until('it is checked there', async () => (await there.lenses())[0] === '1 pair · no problems');
  await there.goTo(2);
  await other.page.keyboard.insertText(`${rows[2]}\n`);
  await other.page.keyboard.press('Control+S');
  await until('it is checked there as typed', async () => (await there.lenses())[0] === '2 pairs · 1 warning');
  await until('it is checked here as saved', async () => (await editor.lenses())[0] === '2 pairs · 1 warning');
  await other.page.close();
});

test('a file that is deleted while it is open: its text stays checked, and nothing is complained of', async () => {
  await rm(join(session.workspace, 'both.jsonl'));
  await until(
    'the tab says so',
    async () =>
      (await workbench.page.locator('.tab.active .label-name').getAttribute('class')) !== null &&
      (await workbench.page
        .locator(
          '.tab.active .monaco-icon-label.strikethrough, .tab.active .monaco-icon-label-container.strikethrough, .tab.active.strikethrough',
        )
        .count()) > 0,
  );
  await editor.goTo(1);
  await workbench.page.keyboard.insertText('{');
  await until('it is checked', async () => / \d errors?/.test((await editor.lenses())[0] ?? ''));
  assert.deepEqual(await workbench.notifications(), []);
});

test('a file of more than 50 MB, which extensions do not see, is checked from disk', async () => {
  await workbench.command('View: Revert and Close Editor');
  const file = join(session.workspace, 'large.jsonl');
  // Its size is what keeps extensions out, not its words: rows are as long as they are by white space, which is quick to check.
  const size = 51 * 2 ** 20;
  const count = 4000;
  const padded = rows[0]!.replace('{', `{${' '.repeat(size / count)}`);
  const good = Array.from({ length: count }, (_, row) => `${padded.replace('largest', `largest (${row})`)}\n`);
  await writeFile(file, [`${rows[0]}\n${rows[1]}\n`, ...good].join(''));
  const name = workbench.page.locator('.explorer-folders-view .monaco-list-row', { hasText: 'large.jsonl' }).first();
  await name.dblclick();
  const pairs = (1 + count).toLocaleString('en-US');
  await until('all of it is counted', async () => {
    const shown = (await workbench.statusBar()).replace(/\s+/g, ' ');
    return shown.includes(`${pairs} pairs 1`) && !/% · /.test(shown);
  });
  const entry = 'wishbone/empty-response [Ln 2, Col ';
  assert.ok((await editor.problems()).some((shown) => shown.includes(entry)));
});
