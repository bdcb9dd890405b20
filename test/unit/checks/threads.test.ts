import assert from 'node:assert/strict';
import { cp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { Script } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { type CheckedSource, checkDataset, type DatasetCheckOptions } from '../../../src/core/checks/dataset-check.js';
import type { DatasetCheck } from '../../../src/core/checks/found.js';
import { RowTokenizer } from '../../../src/core/checks/row-tokens.js';
import { sliceRows } from '../../../src/core/checks/slice.js';
import { WishboneError } from '../../../src/core/errors.js';
import { TemplateEngine } from '../../../src/core/tokenizer/jinja/engine.js';
import { temporaryFolder } from '../run/support.js';
import { bundledWorker } from '../tokenise/support.js';
import { blue, seven, user } from './support.js';

const root = path.join(import.meta.dirname, '../../..');
const tinyLlama = path.join(root, 'examples/tiny-llama');
const gpt2Like = path.join(root, 'test/unit/tokenizer/fixture/gpt2-like');

/** Rows of every kind of trouble that a row can be in, with others of which each is in none. */
function rows(count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const row = { prompt: `What is ${i} times ${i % 97}? `, chosen: `It is ${i * (i % 97)}.`, rejected: `It is ${i}.`.repeat(1 + (i % 4)) };
    switch (i % 50) {
      case 1:
        return JSON.stringify(row).slice(0, i % 60);
      case 2:
        return `  ${JSON.stringify({ ...row, prompt: 'again', chosen: `${i % 3}` })}`;
      case 3:
        return JSON.stringify({ ...row, prompt: 'again', chosen: row.rejected, rejected: `${i % 3}`, source: 'a\ud800' });
      case 4:
        return JSON.stringify({ ...row, chosen: ' <|im_end|> caf\u00c3\u00a9 ' });
      case 5:
        return JSON.stringify({ prompt: [user], chosen: [blue], rejected: [seven] });
      case 6:
        return JSON.stringify({ ...row, rejected: i % 100 === 6 ? '' : 7 });
      case 7:
        return JSON.stringify({ prompt: 'Say', responses: [' a', ' b', ' c d e f'], ranks: [1, 2, 3] });
      case 8:
        return JSON.stringify({ ...row, question: `Please tell me what ${i} times itself may well be.`, context: '<image>' });
      case 9:
        return '';
      default:
        return JSON.stringify(row);
    }
  });
}

test('threads find what one thread finds, in the same order, in files of every kind', async (t) => {
  const folder = await temporaryFolder(t);
  const worker = await bundledWorker(t, 'check-rows');
  const lines = rows(3000);
  const good = lines.filter((_, i) => i % 50 > 9);
  const chats = Array.from({ length: 120 }, (_, i) =>
    JSON.stringify({
      prompt: [{ ...user, content: `Count to ${i}.` }],
      chosen: [blue],
      rejected: [{ ...seven, content: 'no '.repeat(i % 40) + 'x' }],
    }),
  );
  const files: Readonly<Record<string, string | Buffer>> = {
    'pairs.jsonl': lines.join('\n'),
    'bytes.jsonl': Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(`${good.join('\r\n')}\n{"prompt":"caf\u00e9"}`, 'latin1')]),
    'chats.jsonl': chats.join('\n'),
    'list.json': `[${good.join(',\n')}]`,
    'cut.json': `[${good.slice(0, 1200).join(',\n')},\n{"prompt": oops},${good.slice(1200).join(',')}]`,
    'objects.json': good.join('\n'),
    'packed.jsonl.gz': gzipSync(lines.join('\n')),
    'table.csv': `prompt,chosen,rejected\n${good.map((_, i) => `p${i % 1300},"two\nlines ${i}",${i % 90 ? 'r' : ''}`).join('\n')}`,
  };
  const check = (source: CheckedSource, options: Partial<DatasetCheckOptions>): Promise<DatasetCheck> =>
    checkDataset(source, { maxLength: 40, evalFiles: [], ...options });
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(folder, name);
    await writeFile(file, content);
    const models = { 'pairs.jsonl': gpt2Like, 'chats.jsonl': tinyLlama, 'cut.json': gpt2Like, 'table.csv': gpt2Like };
    for (const model of new Set([undefined, models[name as keyof typeof models]])) {
      const alone = await check({ path: file }, { model, threads: { threads: 0 } });
      const together = await check({ path: file }, { model, threads: { worker, threads: 2 } });
      assert.ok(alone.problems.length > 0, name);
      assert.equal(JSON.stringify(together), JSON.stringify(alone), `${name}, model ${model}`);
    }
  }
  const streamed = { streamAbove: 0 };
  const file = { path: path.join(folder, 'pairs.jsonl') };
  const alone = await check(file, { ...streamed, threads: { threads: 0 } });
  assert.equal(JSON.stringify(await check(file, { ...streamed, threads: { worker, threads: 3 } })), JSON.stringify(alone), 'as a stream');
  assert.equal(alone.rows, lines.filter((line) => line !== '').length);
});

test('a model without a chat template: an error where a row needs one, but for rows behind a malformed one of a JSON list', async (t) => {
  const worker = await bundledWorker(t, 'check-rows');
  const folder = await temporaryFolder(t);
  const [model, file] = [path.join(folder, 'model'), path.join(folder, 'pairs.json')];
  await cp(gpt2Like, model, { recursive: true });
  const config = path.join(model, 'tokenizer_config.json');
  const { chat_template: _, ...others } = JSON.parse(await readFile(config, 'utf8')) as Record<string, unknown>;
  await writeFile(config, JSON.stringify(others));
  const chats = Array.from({ length: 9000 }, () => JSON.stringify({ prompt: [user], chosen: [blue], rejected: [seven] }));
  for (const threads of [{ threads: 0 }, { worker, threads: 2 }]) {
    const options = { model, maxLength: 100, evalFiles: [], threads };
    await writeFile(file, `[${chats.join(',')}]`);
    await assert.rejects(checkDataset({ path: file }, options), (error) => error instanceof WishboneError && /template/.test(error.what));
    await writeFile(file, `[{"prompt": oops},${chats.join(',')}]`);
    const { problems, rows: looked } = await checkDataset({ path: file }, options);
    assert.deepEqual([looked, problems.map(({ check }) => check)], [1, ['malformed-row']]);
  }
});

test('cancelling ends a check in threads', async (t) => {
  const worker = await bundledWorker(t, 'check-rows');
  const file = path.join(await temporaryFolder(t), 'pairs.jsonl');
  await writeFile(file, rows(20_000).join('\n'));
  for (const streamAbove of [undefined, 0]) {
    const abort = new AbortController();
    const onProgress = (): void => abort.abort(new Error('enough'));
    const options = { maxLength: 100, evalFiles: [], streamAbove, signal: abort.signal, onProgress, threads: { worker, threads: 2 } };
    await assert.rejects(checkDataset({ path: file }, options), /enough/);
  }
});

test('rows that are tokenised together take one clock and one request of the chat template', async (t) => {
  const dataset = await readFile(path.join(root, 'examples/preferences.jsonl'), 'utf8');
  const chats = [user, { ...user, content: 'Two?' }].map((asked) => JSON.stringify({ prompt: [asked], chosen: [blue], rejected: [seven] }));
  const texts = [...dataset.trim().split('\n').slice(0, 50), '{', ...chats, '{"prompt":"a"}'];
  const tokenizer = await RowTokenizer.load(tinyLlama);
  const each = texts.map((text) => tokenizer.row(text, 100));
  const clock = t.mock.method(Script.prototype, 'runInThisContext');
  const engine = t.mock.method(TemplateEngine.prototype, 'render');
  assert.deepEqual(tokenizer.rows(texts, 100), each);
  assert.deepEqual([clock.mock.callCount(), engine.mock.callCount()], [1, 1]);
});

test('blank lines are no rows, however many there are', () => {
  const row = '{"prompt":"a"}';
  const text = `\n \r\n\t${row} \r\n${'\n'.repeat(1_000_000)} ${row}\n\n`;
  const { rows: spans } = sliceRows(text, false);
  assert.deepEqual(
    spans.map(({ start, end }) => text.slice(start, end)),
    [row, row],
  );
});
