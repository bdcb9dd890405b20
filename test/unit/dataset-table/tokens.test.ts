import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { checkRow } from '../../../src/core/checks/row.js';
import { RowTokenizer } from '../../../src/core/checks/row-tokens.js';
import { PARTS, problemBits, problemNames, TableColumns, UNKNOWN } from '../../../src/core/dataset-table/columns.js';
import { sortedLines } from '../../../src/core/dataset-table/order.js';
import { numberOf, parseTableFilter } from '../../../src/core/dataset-table/query.js';

const tinyLlama = path.resolve(import.meta.dirname, '../../../examples/tiny-llama');

test('tokens are the prompt’s and those of each response without it, however long a run lets them be', async () => {
  const tokenizer = await RowTokenizer.load(tinyLlama);
  const say = (role: string, content: string) => [{ role, content }];
  const rows = [
    {
      prompt: say('user', 'Name a colour.'),
      chosen: say('assistant', 'Blue.'),
      rejected: say('assistant', 'Seven is a number, not a colour.'),
    },
    { prompt: say('user', 'x'), chosen: say('assistant', ''), rejected: say('assistant', 'b') },
    { prompt: say('user', 'Add 2 and 2'), chosen: say('assistant', 'four '.repeat(200)), rejected: say('assistant', '5') },
  ].map((row) => JSON.stringify(row));
  const columns = new TableColumns();
  for (const row of rows) {
    const check = checkRow(row);
    columns.add(check, undefined, problemBits(check.problems.map((problem) => problem.check)));
  }
  assert.equal(numberOf(columns, 0, 'chosen', 'tokens'), undefined, 'not known yet');
  columns.addTokens(rows.map((row) => tokenizer.row(row, 64)));
  const lengths = [0, 1, 2].map((line) => PARTS.map((part) => columns.lengthOf(line, part, 'tokens')));
  for (const line of [0, 2]) {
    const whole = tokenizer.row(rows[line]!, 2 ** 30)!.pairs[0]!;
    assert.deepEqual(lengths[line], [whole.prompt, whole.chosen - whole.prompt, whole.rejected - whole.prompt]);
  }
  assert.deepEqual(lengths[1], [UNKNOWN, UNKNOWN, UNKNOWN]);
  assert.ok(lengths[2]![1]! > 200, 'uncut');
  assert.ok(problemNames(columns.problems(2)).includes('over-length'));
  const all = Uint32Array.of(0, 1, 2);
  assert.deepEqual([...sortedLines(columns, all, { sort: { column: 'chosen', descending: true }, unit: 'tokens' })], [2, 0, 1]);
  const { tests, usesTokens } = parseTableFilter('tokens>200', 'characters');
  assert.ok(usesTokens);
  assert.deepEqual(
    [0, 1, 2].filter((line) => tests.every((each) => each(columns, line))),
    [2],
  );
});
