import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { claimSweep, queueOf } from '../../../src/core/sweep/index.js';
import { temporaryFolder } from '../run/support.js';

test('of commands that begin a sweep at once one does, also where one that is gone has left it', async (t) => {
  const sweep = path.join(await temporaryFolder(t), 'rates', 'sweep.json');
  const file = path.join(path.dirname(sweep), 'process.json');
  for (const left of [undefined, { pid: process.pid, host: hostname(), pidStart: 1, bootId: 'another boot' }]) {
    if (left !== undefined) {
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, JSON.stringify(left));
    }
    assert.equal(await queueOf(sweep), undefined);
    const all = await Promise.allSettled(Array.from({ length: 8 }, () => claimSweep(sweep)));
    const claims = all.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    assert.equal(claims.length, 1);
    assert.equal((await queueOf(sweep))?.pid, process.pid);
    await assert.rejects(claimSweep(sweep), new RegExp(`a process works on this sweep already: ${process.pid}`));
    await claims[0]!();
  }
  await writeFile(file, JSON.stringify({ pid: 1, host: 'elsewhere' }));
  await assert.rejects(claimSweep(sweep), /a process works on this sweep already: 1 on elsewhere/);
});
