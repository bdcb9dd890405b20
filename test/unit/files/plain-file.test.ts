import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { checkDataset } from '../../../src/core/checks/dataset-check.js';
import { readConfigFile } from '../../../src/core/config-file/index.js';
import { Dataset } from '../../../src/core/dataset/index.js';
import { readDatasetInfo } from '../../../src/core/dataset/dataset-info.js';
import { WishboneError } from '../../../src/core/errors.js';
import { mostBytes, readPlain, readPlainText, readPlainTextSync } from '../../../src/core/files/plain-file.js';
import { inspectModel } from '../../../src/core/model/index.js';
import { followEvents, readEvents } from '../../../src/core/events/index.js';
import { isAtWork, listRun, readLabels, readRun } from '../../../src/core/run/index.js';
import { lastLogLines } from '../../../src/core/runner/runner.js';
import { readProcessRecord } from '../../../src/core/run/process-record.js';
import { readSafetensors } from '../../../src/core/files/safetensors.js';
import { endTokens } from '../../../src/core/sample/models.js';
import { ModelTokenizer } from '../../../src/core/tokenizer/index.js';

let folder: string;

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'wishbone-plain-'));
});
after(() => rm(folder, { recursive: true, force: true }));

/** All that is no regular file and can be made without being root, a file each in a folder of its own. */
const kinds: Readonly<Record<string, (file: string) => Promise<unknown>>> = {
  'a link to /dev/zero': (file) => symlink('/dev/zero', file),
  'a link to /dev/tty': (file) => symlink('/dev/tty', file),
  'a pipe that nobody writes to': async (file) => execFileSync('mkfifo', [file]),
  'a folder': (file) => mkdir(file),
  'a link to itself': (file) => symlink(file, file),
  'a socket': (file) => new Promise<void>((made) => createServer().listen(file, made).unref()),
};

/** Whatever reads a file that others may have put there; each refuses with words, or does without. */
const readers: Readonly<Record<string, { readonly name: string; readonly read: (folder: string) => Promise<unknown> }>> = {
  dataset: { name: 'pairs.jsonl', read: async (at) => (await Dataset.open(path.join(at, 'pairs.jsonl'))).outcomes().next() },
  checks: { name: 'pairs.json', read: (at) => checkDataset({ path: path.join(at, 'pairs.json') }, { maxLength: 8, evalFiles: [] }) },
  'list of datasets': { name: 'dataset_info.json', read: (at) => readDatasetInfo(path.join(at, 'dataset_info.json'), undefined) },
  config: { name: 'a.wishbone.json', read: (at) => readConfigFile(path.join(at, 'a.wishbone.json')) },
  run: { name: 'run.json', read: readRun },
  'list of runs': { name: 'run.json', read: listRun },
  events: { name: 'events.jsonl', read: readEvents },
  'process record': { name: 'process.json', read: readProcessRecord },
  'who is at work': { name: 'process.json', read: isAtWork },
  labels: { name: 'labels.json', read: readLabels },
  log: { name: 'runner.log', read: (at) => lastLogLines(path.join(at, 'runner.log')) },
  model: { name: 'config.json', read: inspectModel },
  'end tokens': { name: 'generation_config.json', read: endTokens },
  tokenizer: { name: 'tokenizer.json', read: (at) => ModelTokenizer.load(at) },
  weights: { name: 'model.safetensors', read: (at) => readSafetensors(path.join(at, 'model.safetensors')) },
};

for (const [kind, make] of Object.entries(kinds)) {
  test(`${kind} keeps no reader waiting and fills nothing`, { timeout: 20_000 }, async () => {
    for (const [reader, { name, read }] of Object.entries(readers)) {
      const at = path.join(folder, `${Object.keys(kinds).indexOf(kind)}-${reader}`.replaceAll(' ', '-'));
      await mkdir(at);
      await make(path.join(at, name));
      const before = process.memoryUsage().rss;
      // A refusal is an error with words; anything else is the reader's fault.
      await read(at).catch((error: unknown) => {
        if (!(error instanceof WishboneError)) throw new Error(`${reader} does not say what is wrong: ${String(error)}`);
      });
      assert.ok(process.memoryUsage().rss - before < 200e6, `${reader} took memory`);
    }
  });
}

test('a log that is no regular file is told of once, and following it ends when asked', { timeout: 10_000 }, async () => {
  const at = path.join(folder, 'followed');
  await mkdir(at);
  await symlink('/dev/zero', path.join(at, 'events.jsonl'));
  const end = new AbortController();
  const following = followEvents(at, () => undefined, end.signal).catch((error: unknown) => error);
  setTimeout(() => end.abort(), 300);
  const error = await following;
  assert.ok(error === undefined || error instanceof WishboneError);
});

test('a file is read to its end, and not at all when it is longer than its kind can be', async () => {
  const file = path.join(folder, 'long');
  await writeFile(file, 'x'.repeat(100));
  assert.equal((await readPlain(file, 100)).length, 100);
  assert.equal(readPlainTextSync(file, 100).length, 100);
  const tooLong = { name: 'WishboneError', where: file, what: /100 bytes, more than such a file can have \(99 bytes\)/ } as never;
  await assert.rejects(readPlain(file, 99), tooLong);
  assert.throws(() => readPlainTextSync(file, 99), tooLong);
  await assert.rejects(readPlainText(path.join(folder, 'absent'), mostBytes.json), { code: 'ENOENT' });
});

test('files that people write are UTF-8, with a byte order mark or without; others are refused by their encoding', async () => {
  const place = async (name: string, bytes: Buffer): Promise<string> => {
    const file = path.join(folder, name);
    await writeFile(file, bytes);
    return file;
  };
  const config = '{"version": 1, "name": "café", "dataset": "a.jsonl"}';
  const list = JSON.stringify({ pairs: { file_name: 'a.jsonl', ranking: true } });
  await place('a.jsonl', Buffer.from(''));
  const marked = await readConfigFile(await place('marked.wishbone.json', Buffer.from(`\ufeff${config}`)));
  assert.equal(marked.name, 'café');
  const entry = await readDatasetInfo(await place('dataset_info.json', Buffer.from(`\ufeff${list}`)), 'pairs');
  assert.deepEqual(entry.files, [path.join(folder, 'a.jsonl')]);
  const refused = (what: RegExp, advice: RegExp) => (error: unknown) =>
    error instanceof WishboneError && what.test(error.what) && advice.test(error.advice);
  const latin = await place('latin.wishbone.json', Buffer.from(config, 'latin1'));
  await assert.rejects(readConfigFile(latin), refused(/^the file is not UTF-8$/, /save it as UTF-8$/));
  const wide = await place('wide.wishbone.json', Buffer.from(`\ufeff${config}`, 'utf16le'));
  await assert.rejects(readConfigFile(wide), refused(/^the file is UTF-16$/, /PowerShell/));
});
