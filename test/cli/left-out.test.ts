import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { test, type TestContext } from 'node:test';
import { readPlan } from '../../src/core/plan/index.js';
import { parseRunConfig } from '../../src/core/run/config.js';
import { assertOneError } from './one-error.js';
import { exampleModel, repository, temporaryFolder, wishbone } from './support.js';

const row = (i: number): string => JSON.stringify({ prompt: `Question ${i}? `, chosen: `Yes ${i}.`, rejected: 'No.' });
const orca = { id: 3, system: 'You are terse.', question: 'Why is it?', chosen: 'Because.', rejected: 'No.' };

async function file(t: TestContext, rows: readonly (string | object)[], name = 'pairs.jsonl'): Promise<string> {
  const folder = await temporaryFolder(t);
  await mkdir(folder, { recursive: true });
  const lines = rows.map((each) => (typeof each === 'string' ? each : JSON.stringify(each)));
  await writeFile(join(folder, name), `${lines.join('\n')}\n`);
  return join(folder, name);
}

interface Planned {
  readonly pairs: number;
  readonly form: string;
  readonly leftOutRows: number;
  readonly naiveTokens: number;
  readonly files: readonly {
    readonly columnReport: {
      readonly unread: readonly { readonly name: string }[];
      readonly warnings: readonly { readonly remedies: readonly { readonly columns: string }[] }[];
    };
    readonly leftOut: { readonly rows: number; readonly first: readonly { readonly line: number }[] };
  }[];
}

async function planned(...args: readonly string[]): Promise<Planned> {
  const { code, stdout, stderr } = await wishbone('plan', ...args, '--model', exampleModel, '--json', '--no-cache');
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as Planned;
}

test('plan names columns that are not read, and the flag that reads a question; with it, it is read', async (t) => {
  const dataset = await file(t, [orca, { ...orca, question: 'Who is it?' }]);
  const { code, stdout, stderr } = await wishbone('plan', dataset, '--model', exampleModel, '--no-cache');
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^not read +id, system, question$/m);
  assert.match(
    stdout,
    /warning: "system" and "question" hold text in all 2 rows, but are not read, and the prompt is empty\n {2}at: .*pairs\.jsonl:1\n {2}fix: read as a chat: --columns instruction=question; or read as plain text: --columns prompt=question/,
  );
  const before = await planned(dataset);
  const columns = before.files[0]?.columnReport.warnings[0]?.remedies[1]?.columns;
  assert.equal(columns, 'prompt=question');
  const after = await planned(dataset, '--columns', columns);
  assert.equal(after.form, 'trl-explicit');
  assert.ok(after.naiveTokens > before.naiveTokens);
});

test('JSON output keeps to standard output; warnings go beside it', async (t) => {
  const dataset = await file(t, ['prompt,chosen,rejected', `hi,"[{'content': 'a', 'role': 'assistant'}]",b`], 'pairs.csv');
  const { stdout, stderr } = await wishbone('plan', dataset, '--model', exampleModel, '--json', '--no-cache');
  assert.equal((JSON.parse(stdout) as Planned).pairs, 1);
  assert.match(stderr, /^warning: "chosen" holds messages written as text in the only row/);
  assert.match(stderr, /at: .*pairs\.csv:2/);
});

test('columns of Parquet are named; a row with a picture is refused, and can be left out', async () => {
  const fixture = (name: string): string => resolve(repository, 'test/fixtures/datasets/columns', name);
  const { files } = await planned(fixture('orca.parquet'));
  assert.deepEqual(
    files[0]?.columnReport.unread.map(({ name }) => name),
    ['question', 'system', 'index'],
  );
  const refused = await wishbone('plan', fixture('images.parquet'), '--model', exampleModel, '--no-cache');
  assert.equal(refused.code, 3);
  assertOneError(refused.stderr, [/in "images", and only text can be trained on/, /row 1/, /--on-bad-row skip/]);
  const left = await planned(fixture('images.parquet'), '--on-bad-row', 'skip');
  assert.equal(left.pairs, 1);
  assert.equal(left.leftOutRows, 1);
});

test('a run without its bad rows: the plan holds the others, and run.json says which were left out', async (t) => {
  const dataset = await file(t, [row(1), '{"prompt": "cut', row(2), { prompt: 'x', chosen: 'y' }, row(3), row(4)]);
  const runs = join(await temporaryFolder(t), 'runs');
  const train = (...more: string[]): ReturnType<typeof wishbone> =>
    wishbone('train', dataset, '--model', exampleModel, '--runs', runs, '--batch-size', '2', '--backend', 'cpu', '--no-cache', ...more);
  const refused = await train();
  assert.equal(refused.code, 3);
  assertOneError(refused.stderr, [/not JSON/, /pairs\.jsonl:2/, /--on-bad-row skip/]);
  const { code, stdout, stderr } = await train('--on-bad-row', 'skip');
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^left out +2 rows left out \(lines 2, 4\); line 2: not JSON/m);
  const folder = /^model +(.*)\/export$/m.exec(stdout)?.[1];
  assert.ok(folder, stdout);
  const plan = await readPlan(join(folder, 'plan.safetensors'));
  assert.deepEqual([...plan.pairRow].sort(), [0, 2, 4, 5]);
  const config = parseRunConfig(await readFile(join(folder, 'run.json'), 'utf8'), 'run.json');
  assert.equal(config.plan.on_bad_row, 'skip');
  assert.deepEqual(config.dataset.left_out, [{ path: dataset, rows: 2, lines: [2, 4] }]);
  assert.equal(config.dataset.pairs, 4);
  const shown = await wishbone('show', folder);
  assert.match(shown.stdout, /^left out +2: lines 2, 4$/m);
});

test('more rows left out than kept is a warning', async (t) => {
  const dataset = await file(t, [row(1), '{"a', '{"b', '{"c']);
  const { stdout } = await wishbone('plan', dataset, '--model', exampleModel, '--no-cache', '--on-bad-row', 'skip');
  assert.match(stdout, /warning: more rows are left out than kept: 3 of 4\n {2}at: .*pairs\.jsonl:2/);
});

test('with every row bad, or a fault of the file, skipping is no way out', async (t) => {
  const all = await wishbone('plan', await file(t, ['{"a', '{"b']), '--model', exampleModel, '--no-cache', '--on-bad-row', 'skip');
  assert.equal(all.code, 3);
  assertOneError(all.stderr, [/no row of the file can be used: all 2 rows are left out/, /pairs\.jsonl:1/]);
  const cut = await wishbone(
    'plan',
    await file(t, [`[${row(1)}, {"prompt":`], 'pairs.json'),
    '--model',
    exampleModel,
    '--no-cache',
    '--on-bad-row',
    'skip',
  );
  assert.equal(cut.code, 3);
  assertOneError(cut.stderr, [/not JSON/, /pairs\.json:/]);
});
