import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';

import { summariseDataset } from '../../../src/core/checks/dataset-summary.js';
import { WishboneError } from '../../../src/core/errors.js';
import { temporaryFolder } from '../run/support.js';

const options = { model: undefined, maxLength: 1024, evalFiles: [] };
const examples = path.join(import.meta.dirname, '../../../examples');

test('the example data in a few words', async () => {
  const { form, pairs, badRows } = await summariseDataset(path.join(examples, 'preferences.jsonl'), options);
  assert.deepEqual({ form, pairs, badRows: badRows.rows }, { form: 'trl-explicit', pairs: 120, badRows: 0 });
});

test('bad rows are counted, the first is told, and reading goes on after it', async (context) => {
  const file = path.join(await temporaryFolder(context), 'pairs.jsonl');
  const row = (prompt: string, rejected: unknown): string => `${JSON.stringify({ prompt, chosen: 'Seven.', rejected })}\n`;
  await writeFile(file, row('a', 'No.') + row('b', 9) + row('c', 'Nine.') + row('a', 'No.'));
  const summary = await summariseDataset(file, options);
  assert.deepEqual([summary.pairs, summary.badRows.rows], [3, 1]);
  assert.match(summary.badRows.first[0]!.what, /rejected/);
  assert.deepEqual(summary.counts, { 'wrong-type': 1, duplicate: 1 });
});

test('a file that is none is one error, and cancelling ends the reading', async (context) => {
  const file = path.join(await temporaryFolder(context), 'empty.jsonl');
  await writeFile(file, '');
  await assert.rejects(summariseDataset(file, options), WishboneError);
  const ended = AbortSignal.abort(new Error('enough'));
  await assert.rejects(summariseDataset(path.join(examples, 'preferences.jsonl'), options, { signal: ended }), /enough/);
});
