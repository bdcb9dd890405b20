import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import type { RowTokens } from '../../../src/core/checks/row-tokens.js';
import type { CheckCalls, CheckEvents, CheckOptions, DocumentReport } from '../../../src/core/checks/service/messages.js';
import { serveChecks } from '../../../src/core/checks/service/service.js';
import { WishboneError } from '../../../src/core/errors.js';
import { type Argument, Client, type Method } from '../../../src/core/transport/index.js';
import { until } from '../run/support.js';
import { jsonLines } from '../dataset/support.js';
import { channelPair } from '../transport/support.js';

const good = { prompt: 'p', chosen: 'c', rejected: 'r' };
const tinyLlama = path.join(import.meta.dirname, '../../../examples/tiny-llama');
const gpt2Like = path.join(import.meta.dirname, '../tokenizer/fixture/gpt2-like');
const options: CheckOptions = { model: undefined, maxLength: 1024, evalFiles: undefined };

type Told = { [N in Method<CheckEvents>]: { readonly type: N } & CheckEvents[N] }[Method<CheckEvents>];

/** A service and what it has told. */
class Service {
  readonly sent: Told[] = [];
  readonly #client: Client<CheckCalls, CheckEvents>;
  #fault: Error | undefined;

  constructor() {
    const [ours, theirs] = channelPair();
    serveChecks(theirs);
    this.#client = new Client<CheckCalls, CheckEvents>(ours, {
      events: {
        at: () => undefined,
        report: (value) => this.sent.push({ type: 'report', ...value }),
        fileReport: (value) => this.sent.push({ type: 'fileReport', ...value }),
        outOfStep: (value) => this.sent.push({ type: 'outOfStep', ...value }),
        fileTrouble: (value) => this.sent.push({ type: 'fileTrouble', ...value }),
      },
      onFault: (fault) => (this.#fault = fault),
    });
  }

  tell<M extends Method<CheckCalls>>(method: M, argument: Argument<CheckCalls, M>): void {
    this.#client.tell(method, argument);
  }

  tokens(asked: Argument<CheckCalls, 'tokens'>): Promise<readonly (RowTokens | undefined)[]> {
    return this.#client.call('tokens', asked);
  }

  open(text: string, more: Partial<Argument<CheckCalls, 'open'>> = {}): void {
    this.tell('open', { id: 1, version: 1, text, isJsonFile: false, file: undefined, options, ...more });
  }

  get report(): DocumentReport | undefined {
    assert.equal(this.#fault, undefined);
    const last = this.sent.at(-1);
    return last?.type === 'report' ? last.report : undefined;
  }

  async when(what: string, asked: (report: DocumentReport) => boolean): Promise<DocumentReport> {
    await until(() => this.report !== undefined && asked(this.report), what);
    return this.report!;
  }
}

const checks = ({ problems }: Pick<DocumentReport, 'problems'>) => problems.map(({ check }) => check);

async function folderOf(t: TestContext, files: Readonly<Record<string, string | Buffer>>): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'wishbone-checks-'));
  t.after(() => rm(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, name), text);
  return folder;
}

test('edits are applied in order, and a check tells of the text they make', async () => {
  const service = new Service();
  const text = jsonLines(good, { ...good, prompt: 'q' });
  service.open(text);
  const first = await service.when('the first report', () => true);
  assert.deepEqual([first.version, first.pairs, checks(first)], [1, 2, []]);
  assert.deepEqual([...first.rows], [0, text.indexOf('\n'), text.indexOf('\n') + 1, text.length - 1]);
  // As VS Code sends them: from the end of the text to its beginning.
  const end = { offset: text.length, length: 0, text: '{"prompt": ' };
  service.tell('edit', { id: 1, version: 2, edits: [end, { offset: text.indexOf('"c"') + 1, length: 1, text: '' }] });
  service.tell('edit', { id: 1, version: 3, edits: [{ offset: 0, length: 0, text: '\n' }] });
  const length = text.length + '{"prompt": '.length;
  service.tell('check', { id: 1, length });
  const second = await service.when('the second', ({ version }) => version === 3);
  assert.deepEqual(checks(second), ['empty-response', 'malformed-row']);
  assert.deepEqual(
    second.problems.map(({ range }) => range.start.line),
    [1, 3],
  );
  service.tell('check', { id: 1, length: length + 1 });
  assert.deepEqual(service.sent.at(-1), { type: 'outOfStep', id: 1 });
});

test('tokens are counted after the checks, with another model again, and not without one', async () => {
  const service = new Service();
  const row = { prompt: 'The answer is ', chosen: 'the one', rejected: 'the other' };
  service.open(jsonLines(row, { ...good, chosen: 7 }), { options: { ...options, model: gpt2Like } });
  const counted = await service.when('tokens', ({ tokens }) => tokens?.done === 2);
  assert.deepEqual(checks(counted), ['boundary-merge', 'wrong-type']);
  assert.equal(counted.tokens!.sums.pairs, 1);
  assert.equal(counted.tokens!.sums.flops, undefined);
  const small = { ...options, model: tinyLlama, maxLength: 4 };
  service.tell('options', { id: 1, options: small });
  const skipped = await service.when('the other model', ({ tokens }) => tokens?.sums.pairs === 0);
  assert.ok(checks(skipped).includes('skipped-pair'));
  service.tell('options', { id: 1, options });
  assert.deepEqual(checks(await service.when('no model', ({ tokens }) => tokens === undefined)), ['wrong-type']);
});

test('a model folder that cannot be used is told of once, and the checks stand', async () => {
  const service = new Service();
  service.open(jsonLines({ ...good, chosen: '' }), { options: { ...options, model: '/nowhere' } });
  const report = await service.when('the trouble', ({ modelTrouble }) => modelTrouble !== undefined);
  assert.match(report.modelTrouble!.where, /\/nowhere/);
  assert.deepEqual(checks(report), ['empty-response']);
  const messages = { prompt: [{ role: 'user', content: 'a' }], chosen: [{ role: 'assistant', content: 'b' }], rejected: [] };
  await assert.rejects(service.tokens({ model: '/nowhere', maxLength: 9, rows: [JSON.stringify(messages)] }), WishboneError);
});

test('rows are tokenised when they are asked for', async () => {
  const service = new Service();
  const rows = [JSON.stringify(good), '{'];
  const answer = await service.tokens({ model: gpt2Like, maxLength: 100, rows });
  assert.equal(answer.length, 2);
  assert.equal(answer[0]!.pairs.length, 1);
  assert.equal(answer[1], undefined);
});

test('bytes and prompts of files: told, and taken back when the file is put right', async (t) => {
  const bad = Buffer.from(jsonLines(good, { prompt: 'q', chosen: 'é', rejected: 'r' }), 'latin1');
  const folder = await folderOf(t, { 'hh-train.jsonl': bad, 'hh-test.jsonl': jsonLines(good) });
  const file = path.join(folder, 'hh-train.jsonl');
  const service = new Service();
  service.open(bad.toString('utf8'), { file });
  const told = await service.when('both', ({ problems }) => problems.length === 3);
  assert.deepEqual(new Set(checks(told)), new Set(['prompt-leakage', 'mojibake', 'invalid-utf8']));
  await writeFile(file, bad.toString('utf8'));
  service.tell('saved', { id: 1 });
  await service.when('valid bytes', ({ problems }) => problems.length === 2);
  service.tell('options', { id: 1, options: { ...options, evalFiles: [] } });
  assert.deepEqual(checks(await service.when('no leakage', ({ problems }) => problems.length === 1)), ['mojibake']);
});

test('a file opened with another encoding than UTF-8 is told of on its first line', async (t) => {
  const text = jsonLines({ prompt: 'q', chosen: 'é', rejected: 'r' });
  const folder = await folderOf(t, { 'pairs.jsonl': Buffer.from(text, 'latin1') });
  const service = new Service();
  service.open(text, { file: path.join(folder, 'pairs.jsonl') });
  const { problems } = await service.when('the encoding', (report) => report.problems.length === 1);
  assert.equal(problems[0]!.check, 'invalid-utf8');
  assert.match(problems[0]!.advice, /encoding UTF-8/);
});

test('a file is checked from disk until it is closed', async (t) => {
  const rows = Array.from({ length: 3000 }, (_, i) => ({ ...good, prompt: `p${i}`, chosen: i === 2500 ? '' : 'c' }));
  const folder = await folderOf(t, { 'large.jsonl': jsonLines(...rows), 'large-eval.jsonl': jsonLines({ ...good, prompt: 'p0' }) });
  const service = new Service();
  const file = path.join(folder, 'large.jsonl');
  service.tell('file', { id: 5, file, options });
  const last = () => {
    const response = service.sent.at(-1);
    return response?.type === 'fileReport' ? response.report : undefined;
  };
  await until(() => last()?.isDone === true, 'the end');
  const [first] = service.sent;
  assert.ok(first?.type === 'fileReport' && first.report.rows <= 200, 'the first rows at once');
  assert.deepEqual(last()!.counts, { 'prompt-leakage': 1, 'empty-response': 1 });
  assert.equal(last()!.rows, 3000);
  service.tell('file', { id: 6, file: path.join(folder, 'gone.jsonl'), options });
  await until(() => service.sent.at(-1)!.type === 'fileTrouble', 'an error');
});
