import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import {
  DATASET_ENDINGS,
  FILE_KINDS,
  fileKind,
  isKind,
  isPlainKind,
  KINDS_TEXT,
  mayBeDataset,
  separatorOf,
} from '../../../src/core/dataset/file-kinds.js';

test('a name says what a file is, in whatever case, compressed or not', () => {
  assert.deepEqual(fileKind('/a.b/Pairs.v2.JSONL.gz'), { stem: 'Pairs.v2', kind: 'jsonl', packing: 'gz' });
  assert.deepEqual(fileKind('pairs.parquet'), { stem: 'pairs', kind: 'parquet', packing: undefined });
  assert.deepEqual(fileKind('pairs.gz'), { stem: 'pairs', kind: undefined, packing: 'gz' });
  assert.deepEqual(fileKind('jsonl'), { stem: 'jsonl', kind: undefined, packing: undefined });
  assert.deepEqual(fileKind('pairs.csv.ZST'), { stem: 'pairs', kind: 'csv', packing: 'zst' });
  assert.deepEqual([separatorOf('a.CSV'), separatorOf('a.tsv.gz'), separatorOf('a.json')], [',', '\t', undefined]);
  assert.deepEqual([isKind('a.json.gz', 'json'), isPlainKind('a.json.gz', 'json'), isPlainKind('a.json', 'json')], [true, false, true]);
});

test('every ending is one that is read, and is named', () => {
  for (const ending of DATASET_ENDINGS) assert.ok(mayBeDataset(`pairs.${ending}`), ending);
  assert.ok(!mayBeDataset('pairs.parquet.gz') && !mayBeDataset('pairs.parquet.zst'));
  for (const kind of Object.keys(FILE_KINDS)) assert.ok(KINDS_TEXT.includes(`.${kind}`), kind);
  assert.equal(KINDS_TEXT, '.jsonl, .json, .csv or .tsv, also in gzip or Zstandard, or .parquet or .arrow');
});

test('the menus of VS Code are for these files, but for .json files that are known to be something else', () => {
  const text = readFileSync(path.resolve(import.meta.dirname, '../../../package.json'), 'utf8');
  const { contributes } = JSON.parse(text) as { contributes: { menus: Record<string, { when?: string }[]> } };
  const patterns = Object.values(contributes.menus)
    .flat()
    .flatMap(
      ({ when = '' }) => /^resourceFilename =~ \/(.*?parquet.*?)\/i && !\(resourceFilename =~ \/(.*?)\/i\)$/.exec(when)?.slice(1) ?? [],
    );
  assert.ok(patterns.length > 0);
  for (let i = 0; i < patterns.length; i += 2) {
    const [kinds, others] = [new RegExp(patterns[i]!, 'i'), new RegExp(patterns[i + 1]!, 'i')];
    const isShown = (name: string): boolean => kinds.test(name) && !others.test(name);
    assert.deepEqual(
      DATASET_ENDINGS.filter((ending) => isShown(`pairs.${ending}`)),
      DATASET_ENDINGS,
    );
    for (const name of ['package.json', 'tsconfig.build.json', 'run.wishbone.json', 'config.json', 'run-config.schema.json', 'notes.txt']) {
      assert.ok(!isShown(name), name);
    }
  }
});
