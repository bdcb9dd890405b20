import assert from 'node:assert/strict';
import { once } from 'node:events';
import { getPriority } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { buildSync } from 'esbuild';
import { restAfter } from '../../../src/core/work/give-way.js';

test('a thread gives way alone', { skip: process.platform !== 'linux' }, async () => {
  const before = getPriority();
  const built = buildSync({
    stdin: {
      contents: `import { GiveWay } from './src/core/work/give-way.ts';
        import { readFileSync } from 'node:fs';
        import { parentPort } from 'node:worker_threads';
        // Nice is field 19; fields are counted after the name, which may hold spaces.
        const nice = () => {
          const stat = readFileSync('/proc/thread-self/stat', 'latin1');
          return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
        };
        const before = nice();
        const manners = new GiveWay();
        manners.begin().then(() => manners.pause()).then(() => parentPort.postMessage([before, nice()]));`,
      resolveDir: path.join(import.meta.dirname, '../../..'),
      loader: 'ts',
    },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    write: false,
  });
  const worker = new Worker(built.outputFiles[0]!.text, { eval: true });
  const [found] = (await once(worker, 'message')) as [[number, number]];
  await worker.terminate();
  assert.deepEqual(found, [before, 19]);
  assert.equal(getPriority(), before);
});

test('a thread that waits for a core rests, the longer the more it waits', () => {
  assert.equal(restAfter(15, 0), 0);
  assert.equal(restAfter(15, 1), 0);
  assert.equal(restAfter(0, 0), 0, 'a system that does not say');
  assert.ok(restAfter(15, 5) > 0);
  assert.ok(restAfter(15, 150) > restAfter(15, 15));
  assert.ok(restAfter(1, 1e9) <= 500);
});
