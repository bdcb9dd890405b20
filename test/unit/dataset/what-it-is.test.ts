import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { datasetFile, errorOf, jsonLines, readPairs } from './support.js';

const good = { prompt: 'p', chosen: 'c', rejected: 'r' };
const row = JSON.stringify(good);
const bytes = (...values: readonly number[]): Buffer => Buffer.from([...values, ...Buffer.alloc(40)]);

interface Case {
  readonly name: string;
  readonly content: string | Uint8Array;
  readonly file?: string;
  readonly what: RegExp;
  readonly advice: RegExp;
  /** What follows the file's path in `where`. */
  readonly where: string;
}

const cases: readonly Case[] = [
  // Numbers and words that are none of JSON's.
  {
    name: 'a bare NaN',
    content: `${row}\n{"prompt":"p","chosen":"c","rejected":"r","score":NaN}`,
    what: /NaN: Python .* not valid JSON/,
    advice: /write null/,
    where: ':2:51',
  },
  { name: 'a bare Infinity', content: '{"a": -Infinity}', what: /-Infinity: Python/, advice: /write null/, where: ':1:7' },
  { name: 'None', content: '{"a": None}', what: /None: this is Python/, advice: /json\.dumps/, where: ':1:7' },
  { name: 'True', content: `[{"a": True}]`, file: 'pairs.json', what: /True: this is Python/, advice: /json\.dumps/, where: ':1:8' },
  { name: 'undefined', content: '{"a": undefined}', what: /this is JavaScript/, advice: /null/, where: ':1:7' },
  {
    name: 'a Python dictionary',
    content: "{'prompt': 'p'}",
    what: /found "'".*single quotes, as Python prints/,
    advice: /json\.dumps/,
    where: ':1:2',
  },
  { name: 'a value in single quotes', content: `{"prompt": 'p'}`, what: /single quotes/, advice: /json\.dumps/, where: ':1:12' },
  { name: 'typographic quotes', content: '{“prompt”: 1}', what: /typographic quote/, advice: /straight/, where: ':1:2' },
  { name: 'a comment', content: '{"a": 1, // one\n"b": 2}', file: 'pairs.json', what: /a comment/, advice: /remove/, where: ':1:10' },
  {
    name: 'a number of 5,000 digits',
    content: `{"a": ${'1'.repeat(5000)}}`,
    what: /more than 4,300 digits/,
    advice: /as text/,
    where: ':1:7',
  },
  // Commas.
  { name: 'two commas', content: '{"a": 1,, "b": 2}', what: /two commas/, advice: /remove the comma/, where: ':1:9' },
  { name: 'a comma at the end of an object', content: '{"a": 1,}', what: /there is a comma before it/, advice: /remove/, where: ':1:9' },
  {
    name: 'a comma at the end of a list',
    content: `[${row},]`,
    file: 'pairs.json',
    what: /there is a comma before it/,
    advice: /remove/,
    where: ':1:45',
  },
  {
    name: 'two commas between rows',
    content: `[${row},,${row}]`,
    file: 'pairs.json',
    what: /two commas/,
    advice: /remove/,
    where: ':1:45',
  },
  { name: 'a comma behind each line', content: `${row},\n${row}\n`, what: /something follows.*: a comma/, advice: /\[ \]/, where: ':1:43' },
  {
    name: 'two columns without a name',
    content: 'prompt,chosen,rejected,,\np,c,r,,\n',
    file: 'pairs.csv',
    what: /ends in ,,: 2 columns/,
    advice: /empty columns/,
    where: ':1',
  },
  {
    name: 'a row with empty cells behind it',
    content: 'prompt,chosen,rejected\np,c,r\np,c,r,,\n',
    file: 'pairs.csv',
    what: /5 cells.*the last 2 are empty/,
    advice: /delimiters at the end/,
    where: ':3',
  },
  // Lines and documents.
  {
    name: 'CSV with CR alone',
    content: 'prompt,chosen,rejected\rp,c,r\rp,c,r\r',
    file: 'pairs.csv',
    what: /end in CR alone/,
    advice: /LF/,
    where: ':1',
  },
  {
    name: 'CSV with CR alone but in a cell',
    content: 'prompt,chosen,rejected\rp,c,"r\nr"\r',
    file: 'pairs.csv',
    what: /end in CR alone/,
    advice: /LF/,
    where: ':1',
  },
  {
    name: 'TSV with CR alone, packed',
    content: gzipSync('prompt\tchosen\trejected\rp\tc\tr\r'),
    file: 'pairs.tsv.gz',
    what: /end in CR alone/,
    advice: /LF/,
    where: ':1',
  },
  { name: 'JSON lines with CR alone', content: `${row}\r${row}\r`, what: /the lines end in CR alone/, advice: /LF/, where: ':1:43' },
  {
    name: 'JSON over several lines in .jsonl',
    content: JSON.stringify(good, undefined, 2),
    what: /over several lines, in a file with one row per line/,
    advice: /\.json/,
    where: ':1',
  },
  {
    name: 'several of them',
    content: `\n${JSON.stringify({ a: [1], ...good }, undefined, '\t')}\n${JSON.stringify(good, undefined, 1)}\n`,
    what: /over several lines/,
    advice: /\.json/,
    where: ':2',
  },
  {
    name: 'two rows on a line',
    content: `${row}${row}\n`,
    what: /something follows.*another object/,
    advice: /its own line/,
    where: ':1:43',
  },
  // Shapes.
  {
    name: 'an object of columns',
    content: JSON.stringify({ prompt: ['p', 'q'], chosen: ['c', 'd'], rejected: ['r', 's'] }),
    file: 'pairs.json',
    what: /one object of columns, not a row/,
    advice: /orient="records", lines=True/,
    where: ':1, field "prompt"',
  },
  {
    name: 'columns by row numbers',
    content: JSON.stringify({ prompt: { 0: 'p', 1: 'q' }, chosen: { 0: 'c', 1: 'd' }, rejected: { 0: 'r', 1: 's' } }),
    file: 'pairs.json',
    what: /by row numbers/,
    advice: /orient="records"/,
    where: ':1, field "prompt"',
  },
  {
    name: 'numbered columns without a prompt',
    content: '{"chosen":{"0":"c 1.0"},"rejected":{"0":"d"},"score":{"0":1.0}}',
    what: /by row numbers/,
    advice: /orient="records"/,
    where: ':1, field "chosen"',
  },
  {
    name: 'rows in a field',
    content: JSON.stringify({ version: 1, data: [good, good] }),
    file: 'pairs.json',
    what: /the rows are in field "data"/,
    advice: /only the list of rows/,
    where: ':1, field "data"',
  },
  {
    name: 'rows as a hub answers',
    content: JSON.stringify({ features: [], rows: [{ row_idx: 0, row: good }] }),
    file: 'pairs.json',
    what: /the rows are in field "rows"/,
    advice: /only the list of rows/,
    where: ':1, field "rows"',
  },
  {
    name: 'pandas, split',
    content: JSON.stringify({ columns: Object.keys(good), index: [0], data: [['p', 'c', 'r']] }),
    what: /the rows are in field "data"/,
    advice: /only the list of rows/,
    where: ':1, field "data"',
  },
  { name: 'JSON called .csv', content: `${row}\n`, file: 'pairs.csv', what: /named \.csv, but holds JSON/, advice: /\.jsonl/, where: ':1' },
  // Files that are something else.
  {
    name: 'an Arrow file of which only the start is there',
    content: Buffer.concat([Buffer.from('ARROW1\0\0'), bytes(1)]),
    file: 'pairs.arrow',
    what: /the Arrow data cannot be read \(it does not end as such files do\)/,
    advice: /cut off or damaged/,
    where: '',
  },
  {
    name: 'an Arrow stream of which only the start is there',
    content: bytes(255, 255, 255, 255, 16, 0, 0, 0, 1),
    file: 'data-00000-of-00001.arrow',
    what: /the Arrow data cannot be read \(/,
    advice: /cut off or damaged/,
    where: '',
  },
  {
    name: 'Feather of before Arrow 0.17',
    content: Buffer.concat([Buffer.from('FEA1'), bytes(0, 0, 0, 0)]),
    file: 'pairs.feather',
    what: /an old Feather file/,
    advice: /read_feather.*to_parquet/,
    where: '',
  },
  {
    name: 'text called .parquet',
    content: 'hello\n',
    file: 'pairs.parquet',
    what: /named \.parquet, but does not begin like Parquet/,
    advice: /give it the right file name/,
    where: ':1',
  },
  {
    name: 'a zip called .jsonl',
    content: Buffer.concat([Buffer.from('PK\x03\x04'), bytes(20)]),
    what: /a zip archive/,
    advice: /unpack/,
    where: '',
  },
  {
    name: 'an Excel file',
    content: Buffer.concat([Buffer.from('PK\x03\x04'), bytes(20)]),
    file: 'pairs.xlsx',
    what: /a zip archive/,
    advice: /Excel.*CSV/,
    where: '',
  },
  { name: 'zstd that ends', content: bytes(0x28, 0xb5, 0x2f, 0xfd, 4), what: /zstd data ends too early/, advice: /cut off/, where: '' },
  { name: 'zstd in gzip', content: gzipSync(bytes(0x28, 0xb5, 0x2f, 0xfd, 4)), what: /zstd-compressed twice/, advice: /unpack/, where: '' },
  {
    name: 'xz called .csv',
    content: bytes(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0),
    file: 'pairs.csv',
    what: /xz-compressed/,
    advice: /unpack/,
    where: '',
  },
  { name: 'bzip2', content: Buffer.from('BZh91AY&SY'), file: 'pairs.jsonl.bz2', what: /bzip2-compressed/, advice: /unpack/, where: '' },
  {
    name: 'tar in gzip',
    content: gzipSync(Buffer.concat([Buffer.from('pairs.jsonl'), Buffer.alloc(246), Buffer.from('ustar\0'), Buffer.alloc(300)])),
    file: 'pairs.jsonl.gz',
    what: /a tar archive/,
    advice: /unpack/,
    where: '',
  },
  { name: 'UTF-16 with a mark', content: Buffer.from(`\ufeff${row}`, 'utf16le'), what: /UTF-16/, advice: /UTF-8/, where: '' },
  { name: 'UTF-16 without a mark', content: Buffer.from(row, 'utf16le'), what: /UTF-16 without a mark/, advice: /UTF-8/, where: '' },
  {
    name: 'UTF-16 CSV, the high byte first',
    content: Buffer.from('prompt,chosen', 'utf16le').swap16(),
    file: 'pairs.csv',
    what: /UTF-16 without a mark/,
    advice: /UTF-8/,
    where: '',
  },
  { name: 'UTF-32', content: bytes(0xff, 0xfe, 0, 0, 0x7b), what: /UTF-32/, advice: /UTF-8/, where: '' },
  {
    name: 'a page of the web',
    content: '\n<!DOCTYPE html>\n<html class=""><head>',
    what: /an HTML page, not data/,
    advice: /\/resolve\//,
    where: ':1',
  },
  {
    name: 'a page of the web called .parquet',
    content: '<html><body>404</body></html>',
    file: 'train.parquet',
    what: /an HTML page/,
    advice: /download the file itself/,
    where: ':1',
  },
  { name: 'XML', content: '<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', what: /XML/, advice: /JSON lines/, where: ':1' },
  {
    name: 'a Git LFS pointer',
    content: 'version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 123456\n',
    what: /a Git LFS pointer for a file of 123456 bytes/,
    advice: /git lfs pull/,
    where: ':1',
  },
  {
    name: 'a Git LFS pointer called .parquet',
    content: 'version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 99\n',
    file: 'a.parquet',
    what: /Git LFS pointer/,
    advice: /git lfs pull/,
    where: ':1',
  },
  // Values.
  {
    name: 'a score that is no number',
    content: jsonLines({ prompt: 'p', responses: ['a', 'b'], scores: [1, [2]] }),
    what: /must be a number, not a list/,
    advice: /number/,
    where: ':1, field "scores[1]"',
  },
  {
    name: 'arguments that are no object',
    content: jsonLines({
      prompt: [{ role: 'user', content: 'a' }],
      chosen: [{ role: 'assistant', content: 'b' }],
      rejected: [{ role: 'assistant', content: 'c' }],
      chat_template_kwargs: 'think',
    }),
    what: /text, but not JSON/,
    advice: /enable_thinking/,
    where: ':1, field "chat_template_kwargs"',
  },
  {
    name: 'a tool that is no object',
    content: jsonLines({
      prompt: [{ role: 'user', content: 'a' }],
      chosen: [{ role: 'assistant', content: 'b' }],
      rejected: [{ role: 'assistant', content: 'c' }],
      tools: ['f'],
    }),
    what: /must be an object, not text/,
    advice: /object/,
    where: ':1, field "tools[0]"',
  },
  {
    name: 'half a character beside the content',
    content:
      '{"prompt":[{"role":"user","content":"a","name":"\\ud83d"}],"chosen":[{"role":"assistant","content":"b"}],"rejected":[{"role":"assistant","content":"c"}]}',
    what: /half of a surrogate pair/,
    advice: /whole character/,
    where: ':1, field "prompt[0].name"',
  },
];

for (const { name, content, file: fileName, what, advice, where } of cases) {
  test(`${name}: said what it is, where, and what to do`, async (t) => {
    const file = await datasetFile(t, content, fileName);
    const error = await errorOf(file);
    assert.match(error.what, what);
    assert.match(error.advice, advice);
    assert.equal(error.where, `${file}${where}`);
    assert.doesNotMatch(error.format(), /\n\s+at .*\.[jt]s:/);
  });
}

test('what only looks like something else is read', async (t) => {
  const contents: readonly (readonly [content: string | Uint8Array, name: string])[] = [
    [`${row}\n`, 'pairs.parquet'],
    [`  ${row}\n`, 'pairs.txt'],
    [`${row}\r`, 'pairs.jsonl'],
    [`prompt,chosen,rejected,\n"a\rb",c,r,\n`, 'pairs.csv'],
    ['prompt,chosen,rejected\r\n<html>,"BZh",PK\r\n', 'pairs.csv'],
    [`${JSON.stringify({ ...good, prompt: '<!DOCTYPE html>' })}\n`, 'pairs.jsonl'],
    [JSON.stringify({ ...good, chosen: ['a', 'b'] }), 'pairs.jsonl'],
  ];
  for (const [content, name] of contents) {
    const { pairs } = await readPairs(await datasetFile(t, content, name));
    assert.ok(pairs.length > 0, name);
  }
});

test('rows after one that ends early are read as long as they are rows', async (t) => {
  const error = await errorOf(await datasetFile(t, `{"prompt": "p",\n${row}\n`));
  assert.match(error.what, /the text ends/);
});
