import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';

import { checkDataset } from '../../../src/core/checks/dataset-check.js';
import { checkFile } from '../../../src/core/checks/file-checker.js';
import { addCounts, bySeverity, countsText, type DocumentReport, type ProblemCounts } from '../../../src/core/checks/index.js';
import { CheckedDocument } from '../../../src/core/checks/service/document.js';
import { OtherFiles } from '../../../src/core/checks/service/other-files.js';
import { TokenizerShelf } from '../../../src/core/checks/tokenizer-shelf.js';
import { summariseDataset } from '../../../src/core/checks/dataset-summary.js';
import { temporaryFolder } from '../run/support.js';

const model = path.join(import.meta.dirname, '../../../examples/tiny-llama');

/** A row of every weight: errors, warnings and notes of rows, of the file, of other files and of tokens. */
const rows = [
  { prompt: 'Name a prime.', chosen: 'Seven.', rejected: 'Nine.' },
  { prompt: 'Name a prime.', chosen: 'Seven.', rejected: 'Nine.' },
  { prompt: 'What is big? ', chosen: 'A whale, a tree, a house, and many more things.', rejected: '' },
  { prompt: 'Is it salty?', chosen: 'Yes.  ', rejected: 'No.<|im_end|>', question: 'Which one of the two is the sea?' },
  ...Array.from({ length: 40 }, (_, i) => ({
    prompt: `Question ${i}? `,
    chosen: `Yes, and here is why: ${'a reason, '.repeat(i % 7)}`,
    rejected: 'No.',
  })),
].map((row) => JSON.stringify(row));
const text = [...rows, 'x', ''].join('\n');

/** What the editor counts in a document. */
async function inEditor(file: string, options: Parameters<typeof summariseDataset>[1]): Promise<DocumentReport> {
  let last: DocumentReport | undefined;
  const shared = { tokenizers: new TokenizerShelf(), others: new OtherFiles() };
  await new CheckedDocument(text, 1, file, false, options, shared, { report: (report) => (last = report), at: () => undefined }).check();
  return last!;
}

test('editor, command line, Datasets view and stream count the same problems', async (context) => {
  const folder = await temporaryFolder(context);
  const file = path.join(folder, 'train.jsonl');
  await writeFile(file, text);
  await writeFile(path.join(folder, 'test.jsonl'), `${JSON.stringify({ prompt: 'Is it salty?', chosen: 'a', rejected: 'b' })}\n`);
  for (const options of [
    { model: undefined, maxLength: 1024, evalFiles: undefined },
    { model, maxLength: 24, evalFiles: undefined },
  ]) {
    const editor = await inEditor(file, options);
    const sums = bySeverity(editor.counts);
    assert.ok(sums.error >= 2 && sums.warning >= 4 && sums.information >= 2, JSON.stringify(editor.counts));
    assert.equal(editor.problems.length, sums.error + sums.warning + sums.information, 'as many as the Problems view lists');
    const { counts, pairs, problems } = await checkDataset({ path: file }, options);
    assert.deepEqual([counts, pairs], [editor.counts, editor.pairs], 'wishbone check');
    assert.equal(problems.length, editor.problems.length);
    const summary = await summariseDataset(file, options);
    assert.deepEqual([summary.counts, summary.pairs], [editor.counts, editor.pairs], 'the Datasets view');
    if (options.model !== undefined) continue;
    const packed = path.join(folder, 'train.jsonl.gz');
    await writeFile(packed, gzipSync(text));
    const alone = { ...options, evalFiles: [] };
    assert.deepEqual((await checkDataset({ path: packed }, alone)).counts, (await inEditor(file, alone)).counts, 'packed');
    const prompts = await new OtherFiles().prompts(file, undefined);
    let streamed: ProblemCounts = {};
    for await (const report of checkFile(file, { around: { prompts } })) streamed = report.counts;
    assert.deepEqual(streamed, editor.counts, 'a file too large for the editor');
  }
});

test('numbers and words of each severity', () => {
  assert.equal(countsText({}), 'no problems');
  assert.equal(countsText({ 'length-bias': 1 }), '1 note');
  assert.equal(countsText({ duplicate: 1200, 'empty-response': 1, mojibake: 34 }), '1 error, 1,234 warnings');
  assert.deepEqual(addCounts([{ duplicate: 1 }, { duplicate: 2, mojibake: 1 }, {}]), { duplicate: 3, mojibake: 1 });
});
