import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { arrowRowCount, arrowRows } from '../../../src/core/dataset/arrow-rows.js';
import { ByteSource } from '../../../src/core/dataset/source.js';
import { exactText } from '../../../src/core/exact-json/index.js';
import { spelt } from '../exact-json/spelt.js';
import { errorOf, readOutcomes } from './support.js';

const folder = path.join(import.meta.dirname, 'arrow');
/** What pyarrow reads of each row, as transformers passes it on. */
const cases = JSON.parse(readFileSync(path.join(folder, 'values.json'), 'utf8')) as Record<string, string[]>;

for (const [name, wanted] of Object.entries(cases)) {
  test(`${name}: rows are what pyarrow reads`, async () => {
    const file = path.join(folder, name);
    const source = await ByteSource.open(file);
    const rows: string[] = [];
    for await (const row of arrowRows(source, { used: ['prompt', 'chosen', 'rejected', 'tools'] })) {
      if ('error' in row) throw row.error;
      rows.push(spelt(exactText(row.value)));
    }
    assert.deepEqual(rows, wanted);
    assert.equal(source.bytesRead, source.size);
    assert.equal(await arrowRowCount(file), wanted.length);
  });
}

for (const [name, what] of Object.entries({
  map: 'holds maps',
  union: 'holds unions',
  interval: 'holds intervals',
  'list-view': 'holds list views',
  'run-end': 'holds runs of equal values',
})) {
  test(`columns of ${name} are refused by name`, async () => {
    const file = path.join(folder, `refused-${name}.arrow`);
    const error = await errorOf(file);
    assert.equal(error.what, `column "tools" ${what}, which cannot be read`);
    assert.equal(error.where, file);
  });
}

test('a picture is refused with its row', async () => {
  const file = path.join(folder, 'pictures/data-00000-of-00001.arrow');
  const outcomes = await readOutcomes(file);
  assert.equal(outcomes.length, 2);
  for (const [index, outcome] of outcomes.entries()) {
    assert.ok('error' in outcome);
    assert.match(outcome.error.what, /the row has an entry in "image", and only text can be trained on/);
    assert.equal(outcome.error.where, `${file}, row ${index + 1}, field "image"`);
  }
});
