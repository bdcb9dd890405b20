import assert from 'node:assert/strict';
import { once } from 'node:events';
import { getPriority } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { buildSync } from 'esbuild';

test('a thread gives way alone', { skip: process.platform !== 'linux' }, async () => {
  const before = getPriority();
  const built = buildSync({
    stdin: {
      contents: `import { giveWay } from './src/core/give-way.ts';
        import { readFileSync } from 'node:fs';
        import { parentPort } from 'node:worker_threads';
        // Nice is field 19; fields are counted after the name, which may hold spaces.
        const nice = () => {
          const stat = readFileSync('/proc/thread-self/stat', 'latin1');
          return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
        };
        const before = nice();
        giveWay();
        parentPort.postMessage([before, nice()]);`,
      resolveDir: path.join(import.meta.dirname, '../..'),
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
  assert.deepEqual(found, [before, Math.min(19, before + 5)]);
  assert.equal(getPriority(), before);
});
