import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { rowTurns } from '../../../src/core/checks/index.js';
import { WishboneError } from '../../../src/core/errors.js';
import { PARTS } from '../../../src/core/dataset-table/columns.js';
import { tableOf } from './support.js';

const good = path.resolve(import.meta.dirname, '../../fixtures/datasets/good');
const NEW = 'Ein "neuer" \\ Text\n\u2028 mit 😀 und \u0007';

for (const name of readdirSync(good).filter((each) => /\.jsonl?$/.test(each))) {
  test(`${name}: a text is written anew, and nothing else`, async (t) => {
    const file = path.join(good, name);
    const text = readFileSync(file, 'utf8').replace(/^\ufeff/, '');
    const open = await tableOf(t, file, { text });
    const lines = await open.lines();
    let [edits, refusals] = [0, 0];
    for (const { row, pair } of lines) {
      const view = await open.table.pair({ row, pair });
      for (const part of PARTS) {
        for (const turn of view[part].keys()) {
          let edit;
          try {
            edit = await open.table.edit({ row, pair, part, turn, text: NEW });
          } catch (error) {
            assert.ok(error instanceof WishboneError && /cannot be changed here/.test(error.what), String(error));
            refusals++;
            continue;
          }
          edits++;
          const after = `${text.slice(0, edit.start)}${edit.text}${text.slice(edit.end)}`;
          const again = await tableOf(t, file, { text: after });
          assert.equal(again.table.state.rows, open.table.state.rows);
          const changed = await again.table.pair({ row, pair });
          // Of a prompt that is cut from two responses, another response is another prompt.
          if (name.startsWith('trl-implicit') || name.startsWith('common-response-start')) continue;
          assert.equal(changed[part][turn]!.text.replaceAll('\\u0007', '\u0007').replaceAll('\\u2028', '\u2028'), NEW);
          for (const other of PARTS) if (other !== part) assert.deepEqual(changed[other].length, view[other].length);
        }
      }
    }
    assert.ok(edits > 0 || /ultrafeedback|ranked|scored|several/.test(name), `${edits} edits, ${refusals} refusals`);
    assert.ok(rowTurns('{}') === undefined);
  });
}

test('a table of a file is not changed', async (t) => {
  const open = await tableOf(t, path.join(good, 'openai.jsonl'));
  await assert.rejects(open.table.edit({ row: 0, pair: 0, part: 'chosen', turn: 0, text: 'x' }), /this table cannot be changed/);
});
