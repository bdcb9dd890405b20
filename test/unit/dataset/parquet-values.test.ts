import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { parquetRows } from '../../../src/core/dataset/parquet-rows.js';
import { ByteSource } from '../../../src/core/dataset/source.js';
import { exactText } from '../../../src/core/exact-json/index.js';
import { spelt } from '../exact-json/spelt.js';
import { errorOf, readPairs } from './support.js';

const folder = path.join(import.meta.dirname, 'parquet');
/** What pyarrow reads of each row, as transformers passes it on. */
const cases = JSON.parse(readFileSync(path.join(folder, 'values.json'), 'utf8')) as Record<string, string[]>;

for (const [name, wanted] of Object.entries(cases)) {
  test(`${name}: rows are what pyarrow reads`, async () => {
    const source = await ByteSource.open(path.join(folder, name));
    const rows: string[] = [];
    for await (const row of parquetRows(source, { used: ['prompt', 'chosen', 'rejected', 'tools'] })) {
      if ('error' in row) throw row.error;
      rows.push(spelt(exactText(row.value)));
    }
    assert.deepEqual(rows, wanted);
  });
}

test('maps, which datasets does not read either, are refused by name', async () => {
  const error = await errorOf(path.join(folder, 'refused-map.parquet'));
  assert.match(error.what, /column "tools" holds maps/);
});

test('scores may be decimals; NaN is said to be NaN', async () => {
  const { pairs } = await readPairs(path.join(folder, 'scores-decimal.parquet'));
  assert.deepEqual(
    pairs.map(({ chosen, rejected }) => [chosen, rejected]),
    [['b', 'c']],
  );
  const error = await errorOf(path.join(folder, 'scores-nan.parquet'));
  assert.equal(error.what, 'field "scores[0]" is NaN, which cannot be compared');
});
