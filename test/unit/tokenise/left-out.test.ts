import assert from 'node:assert/strict';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { BadRowError, WishboneError } from '../../../src/core/errors.js';
import { decidedPlan, obtainPlan, planFor, summarise } from '../../../src/core/prepare/index.js';
import { DEFAULT_PLAN, type PlanOptions } from '../../../src/core/options/index.js';
import { tokeniseDataset, type DatasetRequest, type TokenisedDataset } from '../../../src/core/tokenise/index.js';
import { bundledTokeniser, scratchFolder, tokenizedModel } from './support.js';

async function planned(request: DatasetRequest) {
  const dataset = await tokeniseDataset(request);
  const plan = await planFor(dataset, decidedPlan(dataset, request.plan));
  return { dataset, plan, summary: await summarise(dataset, plan, 'shuffle') };
}

const row = (i: number): string => JSON.stringify({ prompt: `Question ${i}? `, chosen: `Yes ${i}.`, rejected: 'No.' });
const good = (count: number): string[] => Array.from({ length: count }, (_, i) => row(i));
const bad = ['{"prompt": "cut', '{"prompt": "x", "chosen": "y"}', '[1, 2]', '{"prompt": "x", "chosen": "", "rejected": "z"}'];

/** Rows with a bad one before every eighth, and the rows without them. */
function mixed(count: number): { text: string; clean: string; lines: number[] } {
  const rows = good(count);
  const all = rows.flatMap((line, i) => (i % 8 === 0 ? [bad[(i / 8) % bad.length] as string, line] : [line]));
  const lines = all.flatMap((line, i) => (bad.includes(line) ? [i + 1] : []));
  return { text: all.join('\n'), clean: rows.join('\n'), lines };
}

type Asked = DatasetRequest & { dataset: string; cacheFolder: string };

async function request(
  t: TestContext,
  content: string | Uint8Array,
  name = 'pairs.jsonl',
  plan: Partial<PlanOptions> = {},
): Promise<Asked> {
  const folder = await scratchFolder(t);
  const dataset = path.join(folder, name);
  await writeFile(dataset, content);
  const all = { ...DEFAULT_PLAN, batch_size: 4, max_length: 256, on_bad_row: 'skip' as const, ...plan };
  return { dataset, model: await tokenizedModel(t), plan: all, cacheFolder: path.join(folder, 'cache') };
}

const tokensOf = ({ pairs }: Pick<TokenisedDataset, 'pairs'>): unknown[] =>
  pairs.map(({ chosen, rejected, promptLength }) => [[...chosen], [...rejected], promptLength]);

async function faultOf(asked: DatasetRequest): Promise<WishboneError> {
  try {
    await tokeniseDataset(asked);
  } catch (error) {
    assert.ok(error instanceof WishboneError, String(error));
    return error;
  }
  return assert.fail('it was tokenised without an error');
}

test('bad rows are left out and counted: the plan is that of the file without them, but for the rows it names', async (t) => {
  const { text, clean, lines } = mixed(40);
  const asked = await request(t, text);
  const other = path.join(path.dirname(asked.dataset), 'clean.jsonl');
  await writeFile(other, clean);
  const { dataset, plan, summary } = await planned(asked);
  const expected = await planned({ ...asked, dataset: other });
  assert.deepEqual(plan.tokens, expected.plan.tokens);
  assert.deepEqual(plan.stepPairStart, expected.plan.stepPairStart);
  assert.deepEqual(tokensOf(dataset), tokensOf(expected.dataset));
  // Lines are those of the file as it is.
  const kept = text.split('\n').flatMap((line, i) => (bad.includes(line) ? [] : [i]));
  assert.deepEqual(
    [...plan.pairRow].sort((a, b) => a - b),
    kept,
  );
  assert.equal(summary.leftOutRows, lines.length);
  const [file] = summary.files;
  assert.equal(file?.leftOut.rows, lines.length);
  assert.deepEqual(
    file.leftOut.first.map(({ line }) => line),
    lines,
  );
  assert.match(file.leftOut.first[0]?.what ?? '', /not JSON/);
  assert.equal(file.rows, 40 + lines.length);
  assert.equal(summary.pairsMade, 40);
});

test('what was left out is kept with the tokens and the plan, and the option is part of their names', async (t) => {
  const { text } = mixed(16);
  const asked = await request(t, text);
  const first = await obtainPlan(asked, {}, { files: false });
  const again = await obtainPlan(asked, {}, { files: false });
  assert.deepEqual(again.summary, first.summary);
  assert.deepEqual(again.reference, first.reference);
  assert.deepEqual(first.reference.left_out, [{ path: asked.dataset, rows: 2, lines: [1, 10] }]);
  const moved = path.join(path.dirname(asked.dataset), 'moved.jsonl');
  await copyFile(asked.dataset, moved);
  const { reference } = await obtainPlan({ ...asked, dataset: moved }, {}, { files: false });
  assert.deepEqual(reference.left_out, [{ path: moved, rows: 2, lines: [1, 10] }]);
  // Tokens of another batch size come from the cache; what was left out does too.
  const other = await tokeniseDataset({ ...asked, plan: { ...asked.plan, batch_size: 8 } });
  assert.equal(other.files[0]?.leftOut.rows, 2);
  const stopping = { ...asked, plan: { ...asked.plan, on_bad_row: 'stop' as const } };
  await assert.rejects(obtainPlan(stopping, {}, { files: false }), /not JSON/);
});

test('without the option the first bad row ends the work, and its error says how to go on', async (t) => {
  const error = await faultOf(await request(t, mixed(16).text, 'pairs.jsonl', { on_bad_row: 'stop' }));
  assert.ok(error instanceof BadRowError);
  assert.match(error.where, /:1:\d+$/);
  assert.match(error.advice, /; or leave out rows that cannot be used: --on-bad-row skip$/);
});

test('rows that the chat template refuses are left out too, with all of their pairs, in one thread and in others', async (t) => {
  const say = (role: string, content: string): object => ({ role, content });
  const chat = (i: number, first: string): string =>
    JSON.stringify({
      prompt: [say(first, `Question ${i}`)],
      chosen: [say('assistant', 'Yes.')],
      rejected: [[say('assistant', 'No.')], [say('assistant', 'Maybe.')]],
    })
      .replace('"chosen":[', '"chosen":[[')
      .replace('],"rejected"', ']],"rejected"');
  const rows = Array.from({ length: 60 }, (_, i) => chat(i, i % 20 === 7 ? 'wizard' : 'user'));
  const asked = await request(t, rows.join('\n'));
  const config = path.join(asked.model, 'tokenizer_config.json');
  const json = JSON.parse(await readFile(config, 'utf8')) as { chat_template: string };
  const template = `{% for m in messages %}{% if m.role == 'wizard' %}{{ raise_exception('no wizards') }}{% endif %}{% endfor %}${json.chat_template}`;
  await writeFile(config, JSON.stringify({ ...json, chat_template: template }));
  const alone = await tokeniseDataset({ ...asked, cacheLimit: 0 });
  assert.deepEqual(
    alone.files[0]?.leftOut.first.map(({ line }) => line),
    [8, 28, 48],
  );
  assert.match(alone.files[0].leftOut.first[0]?.what ?? '', /no wizards/);
  assert.equal(alone.pairs.length, 57 * 2);
  assert.deepEqual(alone.counts, { made: 57 * 2, dropped: 0 });
  const together = await tokeniseDataset({ ...asked, cacheLimit: 0, threads: { worker: await bundledTokeniser(t), threads: 2 } });
  assert.deepEqual(tokensOf(together), tokensOf(alone));
  assert.deepEqual(together.files[0]?.leftOut, alone.files[0].leftOut);
  const stopping = {
    ...asked,
    plan: { ...asked.plan, on_bad_row: 'stop' as const },
    threads: { worker: await bundledTokeniser(t), threads: 2 },
  };
  assert.match((await faultOf(stopping)).advice, /--on-bad-row skip/);
});

test('a fault of the file is no bad row', async (t) => {
  const rows = good(5);
  const table = 'prompt,chosen,rejected\na,b,c\nd,"e,f\n';
  const files: readonly [string, string | Uint8Array, RegExp][] = [
    ['list.json', `[${rows.join(',')}, {"prompt": `, /not JSON/],
    ['list.json', `[${rows.join(' ')}]`, /where "," or "\]" should be/],
    ['pairs.csv', table, /never closed/],
    ['latin.json', Buffer.from(`[${rows.join(',')}, {"prompt": "\xe4"}]`, 'latin1'), /not UTF-8/],
    ['cut.parquet', (await readFile(columns('orca.parquet'))).subarray(0, 900), /Parquet/],
    ['empty.jsonl', '\n\n', /empty/],
  ];
  for (const [name, content, what] of files) {
    const error = await faultOf(await request(t, content, name));
    assert.match(error.what, what, name);
    assert.ok(!(error instanceof BadRowError), name);
    assert.doesNotMatch(error.advice, /on-bad-row/, name);
  }
});

test('a file of which no row is left is an error that names the first', async (t) => {
  const error = await faultOf(await request(t, [...bad, ...bad].join('\n')));
  assert.match(error.what, /^no row of the file can be used: all 8 rows are left out; the first: not JSON/);
  assert.match(error.where, /pairs\.jsonl:1$/);
});

test('rows of tables and Parquet are left out: too few cells, bytes that are no UTF-8, pictures', async (t) => {
  const csv = Buffer.from('prompt,chosen,rejected\na,b,c\nd,e\nf,\xe4,h\ni,j,k\n', 'latin1');
  const table = await tokeniseDataset(await request(t, csv, 'pairs.csv'));
  assert.deepEqual(
    table.files[0]?.leftOut.first.map(({ line }) => line),
    [3, 4],
  );
  assert.equal(table.pairs.length, 2);
  for (const [name, left, rows] of [
    ['bad-row.parquet', 1, 3],
    ['images.parquet', 0, 2],
  ] as const) {
    const found = await tokeniseDataset(await request(t, await readFile(columns(name)), name));
    assert.deepEqual(
      found.files[0]?.leftOut.first.map((place) => place.row),
      [left],
      name,
    );
    assert.equal(found.pairs.length, rows - 1, name);
  }
});

test('held-out pairs, files of an evaluation and weights go by the rows that are left', async (t) => {
  const { text, clean } = mixed(32);
  const asked = await request(t, text, 'pairs.jsonl', { eval_fraction: 0.25 });
  const folder = path.dirname(asked.dataset);
  const file = async (name: string, content: string): Promise<string> => {
    await writeFile(path.join(folder, name), content);
    return path.join(folder, name);
  };
  const cleaned = await file('clean.jsonl', clean);
  const held = await tokeniseDataset(asked);
  const expected = await tokeniseDataset({ ...asked, dataset: cleaned });
  assert.deepEqual(tokensOf(held), tokensOf(expected));
  assert.deepEqual(tokensOf({ pairs: held.evalPairs }), tokensOf({ pairs: expected.evalPairs }));
  const second = await file(
    'second.jsonl',
    good(9)
      .map((line) => line.replace('Question', 'Other'))
      .join('\n'),
  );
  const plan = { ...asked.plan, eval_fraction: 0 };
  const evalDataset = await file('eval.jsonl', [bad[0], row(99)].join('\n'));
  const weighted = { ...asked, plan, evalDataset, dataset: [`${asked.dataset}:1.5`, `${second}:0.5`] };
  const mixture = await planned(weighted);
  const same = await tokeniseDataset({ ...weighted, dataset: [`${cleaned}:1.5`, `${second}:0.5`] });
  assert.deepEqual(tokensOf(mixture.dataset), tokensOf(same));
  assert.equal(mixture.summary.leftOutRows, 4);
  assert.equal(mixture.summary.evalFiles[0]?.leftOut.rows, 1);
  assert.equal(mixture.summary.evalPairs, 1);
});

function columns(name: string): string {
  return path.resolve(import.meta.dirname, '../../fixtures/datasets/columns', name);
}
