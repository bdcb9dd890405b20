import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { ExitCode } from '../../../src/core/errors.js';
import { datasetFile, errorOf, readOutcomes, readPairs } from './support.js';

const fixtures = path.resolve(import.meta.dirname, '../../fixtures/datasets');
const good = (name: string): string => path.join(fixtures, 'good', name);
const bad = (name: string): string => path.join(fixtures, 'bad', name);

/** What every table with plain text in the fixtures holds. */
const texts = [
  { prompt: 'Name a colour.\n', chosen: ' Blue, or "azure".', rejected: ' Seven.' },
  { prompt: 'Name a number, please.\n', chosen: ' Seven.\n\nOr eight.', rejected: ' Blue.' },
  { prompt: 'Say hé 🙂.\n', chosen: ' Hé 🙂.', rejected: ' No.' },
];

for (const name of ['trl-explicit.csv', 'trl-explicit.csv.gz', 'trl-explicit.tsv', 'trl-implicit.csv']) {
  test(`${name}: cells with delimiters, quotes and line breaks, each row with its line`, async () => {
    const { dataset, pairs } = await readPairs(good(name));
    assert.equal(dataset.form, name.startsWith('trl-implicit') ? 'trl-implicit' : 'trl-explicit');
    // In the implicit file the text of the prompt stands in two cells of a row, and takes two lines more.
    const lines = name.startsWith('trl-implicit') ? [2, 5, 10] : [2, 4, 8];
    const source = name.endsWith('.tsv') ? { source: 'x' } : {};
    assert.deepEqual(
      pairs,
      texts.map((text, row) => ({ kind: 'text', ...text, row, line: lines[row]!, ...source })),
    );
    assert.equal(dataset.bytesRead, dataset.bytesTotal);
  });
}

test('CSV: blank lines, Windows line ends within a cell, a byte order mark, no end at the end', async (t) => {
  const text = '\ufeffprompt,chosen,rejected\r\n\r\n"p\r\nq",c,r\r\n\r\n\r\np,c,"r\n"';
  const { pairs } = await readPairs(await datasetFile(t, text, 'pairs.CSV'));
  assert.deepEqual(pairs, [
    { kind: 'text', prompt: 'p\r\nq', chosen: 'c', rejected: 'r', row: 0, line: 3 },
    { kind: 'text', prompt: 'p', chosen: 'c', rejected: 'r\n', row: 1, line: 7 },
  ]);
});

test('any texts come back from CSV and TSV as they were written', async (t) => {
  const cell = fc.oneof(fc.string(), fc.string({ unit: 'grapheme' }), fc.constantFrom('"', ',', '\t', '\r\n', '""\n,'));
  const filled = cell.map((text) => `.${text}`);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ prompt: cell, chosen: filled, rejected: filled }), { minLength: 1, maxLength: 20 }),
      fc.constantFrom('csv', 'tsv'),
      async (rows, kind) => {
        const line = (cells: readonly string[]): string =>
          `${cells.map((text) => `"${text.replaceAll('"', '""')}"`).join(kind === 'csv' ? ',' : '\t')}\n`;
        const content = rows.map(({ prompt, chosen, rejected }) => line([prompt, chosen, rejected])).join('');
        const file = await datasetFile(t, line(['prompt', 'chosen', 'rejected']) + content, `pairs.${kind}`);
        const { pairs } = await readPairs(file);
        const cells = (pair: (typeof rows)[number]): unknown[] => [pair.prompt, pair.chosen, pair.rejected];
        assert.deepEqual((pairs as unknown as typeof rows).map(cells), rows.map(cells));
      },
    ),
    { numRuns: 100 },
  );
});

test('CSV: a row with the wrong number of cells does not hide the rows after it, nor a fault those before it', async (t) => {
  const file = await datasetFile(t, 'prompt,chosen,rejected\np,c\np,c,r,x\np,c,r\n"p" ,c,r\n', 'pairs.csv');
  assert.deepEqual(
    (await readOutcomes(file)).map((outcome) => [outcome.line, 'error' in outcome]),
    [
      [2, true],
      [3, true],
      [4, false],
      [5, true],
    ],
  );
});

test('CSV: a quote that is never closed does not take in a file of any size', async (t) => {
  const file = await datasetFile(t, `prompt,chosen,rejected\np,c,r\np,"${'x'.repeat(17 * 2 ** 20)}`, 'pairs.csv');
  const error = await errorOf(file);
  assert.match(error.what, /longer than 16 MiB/);
  assert.ok(error.where.startsWith(`${file}:3`), error.where);
});

for (const codec of ['none', 'snappy', 'gzip', 'brotli', 'lz4', 'zstd']) {
  test(`Parquet packed with ${codec}, in two row groups`, async () => {
    const file = good(`trl-explicit-text.${codec}.parquet`);
    const { dataset, pairs } = await readPairs(file);
    const sources = [{ source: 'a' }, {}, { source: 'c' }];
    assert.equal(dataset.form, 'trl-explicit');
    assert.deepEqual(
      pairs,
      texts.map((text, row) => ({ kind: 'text', ...text, row, line: undefined, ...sources[row] })),
    );
    assert.equal(
      dataset.sha256,
      createHash('sha256')
        .update(await readFile(file))
        .digest('hex'),
    );
    assert.equal(dataset.bytesRead, dataset.bytesTotal);
  });
}

test('Parquet with messages: a field of a message that is null is not there', async () => {
  const { pairs } = await readPairs(good('trl-explicit-messages.parquet'));
  assert.deepEqual(pairs[0], {
    kind: 'messages',
    prompt: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Name a colour.', name: 'ann' },
    ],
    chosen: [{ role: 'assistant', content: 'Blue, or "azure".' }],
    rejected: [{ role: 'assistant', content: 'Seven.' }],
    row: 0,
    line: undefined,
  });
  assert.equal(pairs.length, 3);
});

test('Parquet is told by its bytes, whatever the name', async (t) => {
  const bytes = await readFile(good('trl-explicit-text.snappy.parquet'));
  const { pairs } = await readPairs(await datasetFile(t, bytes, 'pairs.jsonl'));
  assert.equal(pairs.length, 3);
});

const faults: readonly (readonly [name: string, what: RegExp, where: string])[] = [
  ['header-only.csv', /is empty/, ''],
  ['missing-column.csv', /no column "rejected"/, ':1'],
  ['semicolons.csv', /separated by semicolons, not by commas/, ':1'],
  ['column-twice.csv', /two columns "chosen"/, ':1'],
  ['too-few-cells-line-4.csv', /2 cells, but the header has 3/, ':4'],
  ['quote-not-closed-line-3.csv', /never closed/, ':3, field "chosen"'],
  ['after-quote-line-2.csv', /follows a closing quote/, ':2, field "chosen"'],
  ['quote-in-cell-line-2.tsv', /double quote inside a cell/, ':2, field "chosen"'],
  ['empty-rejected-line-2.csv', /is empty/, ':2, field "rejected"'],
  ['latin-1-line-2.csv', /not UTF-8/, ':2, field "chosen"'],
  ['null-rejected-row-4.parquet', /must be text, not null/, ', row 4, field "rejected"'],
  ['message-without-content-row-2.parquet', /missing field/, ', row 2, field "chosen[0].content"'],
  ['not-utf-8-row-2.parquet', /not UTF-8/, ', row 2, field "prompt"'],
  ['no-known-columns.parquet', /no known form of preference pair: "question", "answer"/, ''],
  ['truncated.parquet', /cannot be read/, ''],
  ['damaged-page.parquet', /cannot be read/, ', rows 1 to 2'],
];

for (const [name, what, where] of faults) {
  test(`${name}: one error that names the place`, async () => {
    const error = await errorOf(bad(name));
    assert.match(error.what, what);
    assert.equal(error.where, `${bad(name)}${where}`);
    assert.equal(error.exitCode, ExitCode.badInput);
  });
}

test('a header of other separators or other letters is told with what to do', async (t) => {
  const told = async (name: string, header: string): Promise<string> => {
    const { what, advice } = await errorOf(await datasetFile(t, `${header}\na;b;c\n`, name));
    return `${what}. ${advice}`;
  };
  assert.match(await told('a.csv', '"prompt";"chosen";"rejected"'), /semicolons, not by commas\. .*sep=";"/);
  assert.match(await told('b.csv', 'prompt\tchosen\trejected'), /tabs, not by commas\. .*\.tsv$/);
  assert.match(await told('c.tsv', 'prompt,chosen,rejected'), /commas, not by tabs\. .*\.csv$/);
  assert.match(
    await told('d.csv', 'Prompt,Chosen,REJECTED'),
    /no column "chosen"\. .*--columns prompt=Prompt,chosen=Chosen,rejected=REJECTED$/,
  );
  assert.match(await told('e.csv', 'question,good,bad'), /--columns prompt=…,chosen=…,rejected=…$/);
  // A name may hold any of them.
  const { pairs } = await readPairs(await datasetFile(t, 'prompt,chosen,rejected,"a;chosen;rejected"\na,b,c,d\n', 'f.csv'));
  assert.equal(pairs.length, 1);
});

test('fields by other names: the advice is to say which is which', async (t) => {
  const lines = await errorOf(await datasetFile(t, '{"question": "a", "good": "b", "bad": "c"}', 'a.jsonl'));
  for (const error of [lines, await errorOf(bad('no-known-columns.parquet'))]) {
    assert.match(error.what, /match no known form/);
    assert.match(error.advice, /say which (field )?is which: --columns prompt=…,chosen=…,rejected=…/);
  }
});

test('Parquet of any bytes is read, or a WishboneError', async (t) => {
  const bytes = await readFile(good('trl-explicit-text.snappy.parquet'));
  await fc.assert(
    fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
      const changed = Buffer.from(bytes);
      changed[at]! ^= change;
      const file = await datasetFile(t, changed, 'pairs.parquet');
      await readOutcomes(file).catch((error: unknown) => assert.equal((error as Error).name, 'WishboneError'));
    }),
    // The example changes the list of a column's path to something else.
    { numRuns: 200, examples: [[836, 16]] },
  );
});
