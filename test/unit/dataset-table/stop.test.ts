import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { OpenTable, tableOf } from './support.js';

async function fileOf(t: TestContext, text: string): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'wishbone-stop-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = path.join(folder, 'pairs.jsonl');
  await writeFile(file, text);
  return file;
}

const row = (i: number): string => `${JSON.stringify({ prompt: `p${i} ${'x'.repeat(200)}`, chosen: `c${i}`, rejected: `r${i}` })}\n`;

test('a table that is stopped keeps what it knows, says so, and still answers', async (t) => {
  const rows = 60_000;
  const open = await OpenTable.open(t, { file: await fileOf(t, Array.from({ length: rows }, (_, i) => row(i)).join('')) });
  open.table.stop();
  await sleep(300);
  const { state } = open.table;
  assert.ok(state.isStopped);
  assert.ok(state.known < rows, `${state.known} of ${rows} rows are known`);
  assert.deepEqual(state.troubles, []);
  await sleep(300);
  assert.equal(open.table.state.known, state.known, 'it goes on');
  // A filter is over when all that is known was looked through.
  const found = await open.query({ filter: 'p' });
  assert.ok(found.isDone && found.count <= state.known);
  await open.query({});
  const [first] = await open.lines(0, 1);
  assert.ok(first!.prompt.startsWith('p0 '));
});

test('a search that is stopped keeps what it has found, and the table goes on', async (t) => {
  const rows = 60_000;
  const open = await tableOf(t, await fileOf(t, Array.from({ length: rows }, (_, i) => row(i)).join('')));
  const found = open.query({ filter: 'nowhere' });
  open.table.stop();
  const { isDone, searched } = await found;
  assert.ok(!isDone && searched < rows, `${searched} of ${rows} searched`);
  assert.ok(!open.table.state.isStopped);
  assert.equal(await open.matching('"p59999"'), '60000');
});
