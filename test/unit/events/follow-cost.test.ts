import assert from 'node:assert/strict';
import { appendFile, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { followEvents } from '../../../src/core/events/index.js';
import { isAtWork } from '../../../src/core/run/index.js';
import { startLine, stepLine, temporaryFolder } from '../run/support.js';

test('following a long run costs what is new, and so does asking whether it is at work', async (context) => {
  const folder = await temporaryFolder(context);
  const log = path.join(folder, 'events.jsonl');
  await writeFile(log, startLine() + Array.from({ length: 60_000 }, (_, i) => stepLine(i + 1)).join(''));
  const end = new AbortController();
  let seen = 0;
  const following = followEvents(folder, (events) => (seen += events.length), end.signal);
  while (seen < 60_001) await sleep(50);
  await isAtWork(folder);
  const before = await bytesRead();
  for (let i = 0; i < 15; i++) {
    await appendFile(log, stepLine(60_001 + i));
    await isAtWork(folder);
    await sleep(200);
  }
  const read = (await bytesRead()) - before;
  end.abort();
  await following;
  const { size } = await stat(log);
  assert.ok(read < size, `${read} bytes read, of a log of ${size}`);
  assert.ok(seen > 60_010);
});

/** Bytes that this process has read by now, from disk or from memory. */
async function bytesRead(): Promise<number> {
  return Number(/^rchar: (\d+)$/m.exec(await readFile('/proc/self/io', 'latin1'))?.[1]);
}
