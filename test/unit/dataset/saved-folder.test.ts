import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { Dataset, type DatasetSource, findSources, savedName } from '../../../src/core/dataset/index.js';
import { readRows } from '../../../src/core/dataset/rows.js';
import { ByteSource } from '../../../src/core/dataset/source.js';
import { WishboneError } from '../../../src/core/errors.js';
import { exactText } from '../../../src/core/exact-json/index.js';
import { DEFAULT_PLAN } from '../../../src/core/options/index.js';
import { type SourceContext, tokensKey } from '../../../src/core/tokenise/tokenised-source.js';
import { spelt } from '../exact-json/spelt.js';

const folder = path.join(import.meta.dirname, 'arrow');
/** What `datasets` reads of each folder. */
const reads = JSON.parse(readFileSync(path.join(folder, 'folders.json'), 'utf8')) as Record<string, string[]>;

for (const [name, wanted] of Object.entries(reads)) {
  test(`${name}: rows are those of load_from_disk, in their order`, async () => {
    const rows: string[] = [];
    for (const { path: file, name: source } of await findSources(path.join(folder, name))) {
      assert.equal(source, name);
      for await (const row of readRows(await ByteSource.open(file), { used: ['prompt', 'chosen', 'rejected', 'tools'], needed: [] })) {
        if ('error' in row) throw row.error;
        rows.push(spelt(exactText(row.value)));
      }
    }
    assert.deepEqual(rows, wanted);
  });
}

test('a weight, and an evaluation split, go behind the folder', async () => {
  const sources = await findSources([`${folder}/shards:0.5`, `${folder}/splits#test:2`]);
  assert.deepEqual(
    sources.map(({ path: file, weight, name }) => [path.relative(folder, file), weight, name]),
    [
      ...[0, 1, 2].map((shard) => [`shards/data-0000${shard}-of-00003.arrow`, 0.5, 'shards']),
      ['splits/test/data-00000-of-00001.arrow', 2, 'splits#test'],
    ],
  );
});

test('pairs of messages are read whole', async () => {
  const [source] = await findSources(path.join(folder, 'messages'));
  const dataset = await Dataset.open(source!.path);
  const pairs = [];
  for await (const pair of dataset.pairs()) pairs.push(pair);
  assert.equal(dataset.form, 'trl-explicit');
  assert.deepEqual(
    pairs.map(({ kind, row }) => [kind, row]),
    [0, 1, 2, 3].map((row) => ['messages', row]),
  );
});

const refusal = async (name: string): Promise<WishboneError> => {
  const error: unknown = await findSources(name).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof WishboneError, String(error));
  return error;
};

test('splits that are not there, or of which none is meant, are listed', async () => {
  const missing = await refusal(`${folder}/splits#dev`);
  assert.equal(missing.what, 'the dataset has no split dev');
  assert.match(missing.advice, /splits#train, .*splits#test$/);
  const single = await refusal(`${folder}/shards#train`);
  assert.equal(single.what, 'the dataset has no splits');
  assert.match(single.advice, /give the folder alone: .*shards$/);
  const several = await refusal(`${folder}/other-splits`);
  assert.equal(several.what, 'the dataset has several splits, and none is called train');
  assert.equal((await findSources(`${folder}/other-splits#train_prefs`)).length, 1);
});

async function copyOf(t: TestContext, name: string): Promise<string> {
  const copy = await mkdtemp(path.join(tmpdir(), 'wishbone-saved-'));
  t.after(() => rm(copy, { recursive: true }));
  await cp(path.join(folder, name), copy, { recursive: true });
  return copy;
}

test('rows that other files choose, and files elsewhere, are refused by name', async (t) => {
  const copy = await copyOf(t, 'shards');
  const state = path.join(copy, 'state.json');
  const known = JSON.parse(await readFile(state, 'utf8')) as object;
  for (const [change, what, field] of [
    [{ _indices_data_files: [{ filename: 'indices.arrow' }] }, /chosen and ordered by other files/, '_indices_data_files'],
    [{ _indices_files: [{ filename: 'indices.arrow' }] }, /chosen and ordered by other files/, '_indices_files'],
    [{ _data_files: [{ filename: '../data.arrow' }] }, /must list the files of the folder/, '_data_files'],
    [{ _data_files: [] }, /must list the files/, '_data_files'],
    [{ _data_files: null }, /must list the files/, '_data_files'],
  ] as const) {
    await writeFile(state, JSON.stringify({ ...known, ...change }));
    const error = await refusal(copy);
    assert.match(error.what, what);
    assert.equal(error.where, `${state}, field "${field}"`);
  }
  await writeFile(state, JSON.stringify({ ...known, _indices_data_files: [], _indices_files: null }));
  assert.equal((await findSources(copy)).length, 3);
  await writeFile(state, '{');
  assert.match((await refusal(copy)).what, /cannot be read/);
  await rm(state);
  await assert.rejects(ByteSource.open(copy), /is a folder, not a file/);
});

test('columns of a format that are not there, or no names, are refused by name; those of other files mean nothing', async (t) => {
  const copy = await copyOf(t, 'formatted');
  const state = path.join(copy, 'state.json');
  const [file] = (await findSources(copy)).map((source) => source.path);
  const known = JSON.parse(await readFile(state, 'utf8')) as object;
  const firstRow = async (): Promise<unknown> => {
    const columns = { used: ['prompt', 'chosen', 'rejected', 'tools'], needed: [] };
    for await (const row of readRows(await ByteSource.open(file!), columns)) {
      if ('error' in row) throw row.error;
      return Object.keys(row.value as object);
    }
    return undefined;
  };
  const all = ['prompt', 'chosen', 'rejected', 'tools'];
  for (const [change, wanted] of [
    [{}, all.slice(0, 3)],
    [{ _format_columns: null }, all],
    [{ _format_columns: 'prompt' }, ['prompt']],
    [{ _format_columns: ['tools', 'prompt'] }, ['prompt', 'tools']],
    [{ _output_all_columns: true }, all],
    // A list of other files.
    [{ _data_files: [{ filename: 'other.arrow' }] }, all],
    [{ _data_files: 1 }, all],
  ] as const) {
    await writeFile(state, JSON.stringify({ ...known, ...change }));
    assert.deepEqual(await firstRow(), wanted, JSON.stringify(change));
  }
  for (const [columns, what] of [
    [['prompt', 'gone'], /^the dataset has no column "gone"$/],
    [[1], /must be a list of names of columns/],
    [{}, /must be a list of names of columns/],
  ] as const) {
    await writeFile(state, JSON.stringify({ ...known, _format_columns: columns }));
    await assert.rejects(firstRow(), (error) => {
      assert.ok(error instanceof WishboneError);
      assert.match(error.what, what);
      return error.where === `${state}, field "_format_columns"`;
    });
  }
  await writeFile(state, '{');
  assert.deepEqual(await firstRow(), all);
});

test('what a folder shows decides what is kept of it', async (t) => {
  const copy = await copyOf(t, 'formatted');
  const [own] = await findSources(copy);
  assert.deepEqual(own!.shown, ['prompt', 'chosen', 'rejected']);
  assert.deepEqual((await findSources(own!.path))[0]!.shown, own!.shown, 'by its file too');
  const [all] = await findSources(path.join(folder, 'formatted-all'));
  assert.equal(all!.shown, undefined);
  const context = { model: { config: { vocabSize: 2, maxPositions: 3 } }, tokenizerHash: 'tokenizer', plan: DEFAULT_PLAN };
  const key = (source: DatasetSource): string => tokensKey(source, 'the same bytes', context as unknown as SourceContext);
  assert.notEqual(key(own!), key(all!));
});

test('a file of a folder names the whole', async () => {
  const named = async (name: string): Promise<string | undefined> => {
    const whole = await savedName(path.join(folder, name));
    return whole === undefined ? undefined : path.relative(folder, whole);
  };
  assert.equal(await named('shards/data-00001-of-00003.arrow'), 'shards');
  assert.equal(await named('shards/state.json'), 'shards');
  assert.equal(await named('shards/dataset_info.json'), 'shards');
  assert.equal(await named('splits/test/data-00000-of-00001.arrow'), 'splits#test');
  assert.equal(await named('splits/dataset_dict.json'), 'splits');
  assert.equal(await named('types-stream.arrow'), undefined);
  assert.deepEqual(
    (await findSources(path.join(folder, 'splits/test/dataset_info.json'))).map(({ name }) => name),
    ['splits#test'],
  );
});
