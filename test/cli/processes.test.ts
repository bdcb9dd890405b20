// `wishbone train` in each of several processes, as srun and torchrun start them.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { readEvents } from '../../src/core/events/event-reader.js';
import { cli, exampleData, exampleModel, type Outcome, temporaryFolder } from './support.js';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

type Variables = Readonly<Record<string, string>>;

async function wishbone(args: readonly string[], env: Variables): Promise<Outcome> {
  const { execa } = await import('execa');
  const result = await execa(process.execPath, [cli, ...args], { reject: false, stdin: 'ignore', env });
  return { code: result.exitCode ?? -1, stdout: result.stdout, stderr: result.stderr };
}

const torchrun = (rank: number, port: number): Variables => ({
  RANK: String(rank),
  WORLD_SIZE: '2',
  MASTER_ADDR: 'localhost',
  MASTER_PORT: String(port),
});
const slurm = (rank: number, port: number): Variables => ({
  SLURM_PROCID: String(rank),
  SLURM_NTASKS: '2',
  SLURM_STEP_ID: '0',
  SLURM_JOB_ID: '4711',
  SLURM_STEP_NODELIST: 'localhost,other',
  WISHBONE_PORT: String(port),
});

for (const [name, variables] of Object.entries({ torchrun, slurm })) {
  test(`${name}: the first process plans and writes, the other takes part, and one run comes of it`, async (t) => {
    const folder = await temporaryFolder(t);
    const rows = (await readFile(exampleData, 'utf8')).split('\n').slice(0, 24);
    const data = join(folder, 'few.jsonl');
    await writeFile(data, rows.join('\n'));
    const few = ['--model', exampleModel, '--preset', 'quick', '--epochs', '1', '--batch-size', '8', '--json'];
    const args = ['train', data, ...few, '--runs', join(folder, 'runs')];
    const port = await freePort();
    const [first, other] = await Promise.all([wishbone(args, variables(0, port)), wishbone(args, variables(1, port))]);
    assert.equal(first.code, 0, first.stderr);
    assert.equal(other.code, 0, other.stderr);
    assert.equal(other.stdout, '', 'results are told once');
    const run = (JSON.parse(first.stdout) as { folder: string }).folder;
    assert.deepEqual(
      (await readdir(join(folder, 'runs'))).filter((name) => !name.startsWith('.')),
      [run.split('/').at(-1)],
    );
    const events = await readEvents(run);
    assert.equal(events.filter(({ type }) => type === 'start').length, 1);
    assert.equal(events.filter(({ type }) => type === 'step').length, 3);
    assert.equal(events.at(-1)?.type, 'finished');
  });
}

test('without a first process the other ends within its limit, and says so', async () => {
  const result = await wishbone(['train', 'nothing.jsonl'], { ...torchrun(1, await freePort()), WISHBONE_MEETING_SECONDS: '0.5' });
  assert.equal(result.code, 3);
  assert.match(result.stderr, /Process 0 was not there within 0\.5 s/);
});

test('variables that contradict each other are one error, before anything is read', async () => {
  const result = await wishbone(['train', 'nothing.jsonl'], { RANK: '1' });
  assert.equal(result.code, 3);
  assert.match(result.stderr, /WORLD_SIZE is not set/);
  const detached = await wishbone(['train', 'nothing.jsonl', '--detach'], torchrun(0, 1));
  assert.equal(detached.code, 2);
  assert.match(detached.stderr, /--detach/);
});
