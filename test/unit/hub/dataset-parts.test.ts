import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { WishboneError } from '../../../src/core/errors.js';
import { datasetParts, filesOfPart } from '../../../src/core/hub/dataset-parts.js';
import { datasetId, type HubDatasetId, idText, modelId } from '../../../src/core/hub/index.js';

interface Case {
  readonly files: readonly string[];
  readonly readme: string | null;
  readonly configs: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
}
const { cases } = JSON.parse(readFileSync(path.join('test/unit/hub', 'dataset-parts.json'), 'utf8')) as { cases: Record<string, Case> };

for (const [name, { files, readme, configs }] of Object.entries(cases)) {
  test(`the splits of a dataset are those of datasets: ${name}`, () => {
    const parts = datasetParts(files, readme ?? undefined, 'the hub');
    const found = Object.fromEntries(
      [...parts].map(([config, splits]) => [config, Object.fromEntries([...splits].map(([split, of]) => [split, [...of].sort()]))]),
    );
    const expected = Object.fromEntries(
      Object.entries(configs).map(([config, splits]) => [
        config,
        Object.fromEntries(Object.entries(splits).map(([split, of]) => [split, [...of].sort()])),
      ]),
    );
    assert.deepEqual(found, expected);
  });
}

const README = (text: string): string => `---\n${text}\n---\n`;
const filesOf = (id: string, files: readonly string[], readme?: string): readonly string[] =>
  filesOfPart(datasetParts(files, readme, 'there'), datasetId(id) as HubDatasetId, readme, 'there');
const refused =
  (what: RegExp, advice = /./) =>
  (error: unknown) =>
    error instanceof WishboneError && what.test(error.what) && advice.test(error.advice);

test('config and split are told apart by what the dataset has; what is not clear is asked for by name', () => {
  const readme = README(
    'configs:\n- config_name: en\n  default: true\n  data_files:\n  - {split: train, path: en/a.jsonl}\n  - {split: de, path: en/b.jsonl}\n- config_name: de\n  data_files: de/*.jsonl\n- config_name: fr\n  data_files: fr.jsonl',
  );
  const files = ['en/a.jsonl', 'en/b.jsonl', 'de/1.jsonl', 'de/2.jsonl', 'fr.jsonl'];
  assert.deepEqual(filesOf('o/n', files, readme), ['en/a.jsonl']);
  assert.deepEqual(filesOf('o/n#train', files, readme), ['en/a.jsonl']);
  assert.deepEqual(filesOf('o/n#fr', files, readme), ['fr.jsonl']);
  assert.deepEqual(filesOf('o/n#de/train', files, readme), ['de/1.jsonl', 'de/2.jsonl']);
  assert.deepEqual(filesOf('o/n@v2#en/de', files, readme), ['en/b.jsonl']);
  assert.throws(() => filesOf('o/n#de', files, readme), refused(/de is a config and a split/, /o\/n#en\/de, o\/n#de\/train/));
  assert.throws(() => filesOf('o/n#it', files, readme), refused(/no config or split it/, /o\/n#fr\/train/));
  assert.throws(() => filesOf('o/n#en/test', files, readme), refused(/no config en with a split test/));
  const two = README('configs:\n- config_name: a\n  data_files: a.jsonl\n- config_name: b\n  data_files: b.jsonl');
  assert.throws(() => filesOf('o/n', ['a.jsonl', 'b.jsonl'], two), refused(/several configs/, /o\/n#a\/train, o\/n#b\/train/));
  const splits = ['data/train_prefs-00000-of-00001.parquet', 'data/train_sft-00000-of-00001.parquet'];
  assert.throws(
    () => filesOf('o/n@v1', splits),
    refused(/several splits, and none is called train/, /o\/n@v1#train_prefs, o\/n@v1#train_sft/),
  );
  assert.deepEqual(filesOf('o/n#train_prefs', splits), splits.slice(0, 1));
});

test('of folders that datasets saved and somebody uploaded, the data counts', () => {
  const folder = (name: string): string[] =>
    ['state.json', 'dataset_info.json', 'data-00000-of-00001.arrow'].map((file) => `${name}${file}`);
  const splits = ['dataset_dict.json', ...folder('train/'), ...folder('test/')];
  assert.deepEqual(filesOf('o/n', splits), ['train/data-00000-of-00001.arrow']);
  assert.deepEqual(filesOf('o/n#test', splits), ['test/data-00000-of-00001.arrow']);
  assert.deepEqual(filesOf('o/n', ['README.md', ...folder('')]), ['data-00000-of-00001.arrow']);
  assert.throws(() => filesOf('o/n', ['state.json', 'more/a.arrow']), refused(/mixes kinds/));
});

test('files of a kind that is not read, of several kinds, elsewhere or none are said', () => {
  assert.throws(() => filesOf('o/n', ['train.orc']), refused(/a kind that is not read: train\.orc/, /to_parquet/));
  assert.throws(() => filesOf('o/n', ['train.csv', 'training.jsonl']), refused(/mixes kinds/));
  assert.throws(() => filesOf('o/n', ['n.py', 'README.md']), refused(/no files of pairs/));
  assert.throws(() => filesOf('o/n', [], README('configs:\n- data_files: "https://x.org/a.jsonl"')), refused(/elsewhere: https/));
  assert.throws(() => filesOf('o/n', [], README('configs: [')), refused(/not YAML/));
});

test('ids are told from paths', () => {
  for (const text of ['Qwen/Qwen2.5-0.5B-Instruct', 'a/b@v1.0', 'a/b@refs/pr/12', `a/b@${'0'.repeat(40)}`]) {
    assert.equal(idText(modelId(text)!), text);
  }
  assert.equal(idText(modelId('a/b@main')!), 'a/b');
  for (const text of [
    'model',
    './a/b',
    '../b',
    '/a/b',
    '~/b',
    'a/b/c',
    'a/b@',
    'a/b@../x',
    'a/b#c',
    'a\\b',
    'a/--b',
    'a/b.',
    'a b/c',
    'examples/tiny-llama',
    'src/core@x',
    '',
  ]) {
    assert.equal(modelId(text), undefined, text);
  }
  assert.deepEqual(datasetId('a/b@v1#c/d'), { kind: 'dataset', name: 'a/b', revision: 'v1', part: ['c', 'd'] });
  assert.equal(idText(datasetId('a/b@v1#c/d')!), 'a/b@v1#c/d');
  for (const text of [
    'data/pairs.jsonl',
    'data/pairs.jsonl.gz',
    'data/dataset_info.json#mine',
    'a/*',
    'a/b#c/d/e',
    'a/b#',
    'data/x.PARQUET',
  ]) {
    assert.equal(datasetId(text), undefined, text);
  }
});
