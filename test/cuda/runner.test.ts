// The runner that was built with CUDA, on a machine that may have no GPU. WISHBONE_RUNNER names it.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { exampleData, exampleModel, outcome, temporaryFolder, wishbone } from '../cli/support.js';

interface Backend {
  readonly name: string;
  readonly available: boolean;
  readonly devices: readonly { readonly name: string; readonly capability?: string; readonly memory?: number }[];
  readonly problem?: string;
}

const runner = process.env['WISHBONE_RUNNER'] ?? '';
const noGpu = 'there is no GPU that it can use';
let cuda: Backend;

before(async () => {
  const said = await outcome(runner, ['info', '--json']);
  assert.equal(said.code, 0, said.stderr);
  const { backends } = JSON.parse(said.stdout) as { backends: Backend[] };
  assert.deepEqual(
    backends.map(({ name }) => name),
    ['cpu', 'cuda'],
  );
  assert.equal(backends[0]!.available, true);
  cuda = backends[1]!;
});

test('one binary: what it needs at load time is glibc', async () => {
  const { stdout } = await outcome('ldd', [runner]);
  const names = stdout.split('\n').map(
    (line) =>
      line
        .trim()
        .split(/[\s/]+/)
        .find((word) => /\.so/.test(word)) ?? '',
  );
  for (const name of names) assert.match(name, /^(linux-vdso|ld-linux.*|lib|libc|libm|libdl|libpthread|librt)\.so/);
});

test('info says whether there is a GPU, and why not', () => {
  if (cuda.available) {
    assert.ok(cuda.devices.length > 0);
    for (const device of cuda.devices) {
      assert.notEqual(device.name, '');
      assert.match(device.capability!, /^\d+\.\d$/);
      assert.ok(device.memory! > 2 ** 30);
    }
    assert.equal(cuda.problem, undefined);
  } else {
    assert.ok(cuda.problem !== undefined && cuda.problem.length > 10, String(cuda.problem));
    assert.doesNotMatch(cuda.problem, /built without/);
  }
});

/** A short run: nine steps of eight pairs. */
async function train(folder: string, backend: string) {
  const dataset = join(folder, 'pairs.jsonl');
  const lines = (await readFile(exampleData, 'utf8')).split('\n');
  await writeFile(dataset, lines.slice(0, 24).join('\n'));
  const options = ['--model', exampleModel, '--preset', 'quick', '--backend', backend];
  return wishbone('train', dataset, ...options, '--runs', join(folder, 'runs'), '--json');
}

async function startOf(run: string): Promise<Record<string, unknown>> {
  const line = (await readFile(join(run, 'events.jsonl'), 'utf8')).split('\n')[0]!;
  return JSON.parse(line) as Record<string, unknown>;
}

test('it trains on the CPU', async (t) => {
  const result = await train(await temporaryFolder(t), 'cpu');
  assert.equal(result.code, 0, result.stderr);
  const run = JSON.parse(result.stdout) as { folder: string; state: string; loss: number };
  assert.equal(run.state, 'finished');
  assert.ok(run.loss < Math.log(2), 'it learns');
  assert.equal((await startOf(run.folder))['backend'], 'cpu');
});

test('without a GPU, "auto" is the CPU and "cuda" one clear error', async (t) => {
  if (cuda.available) return t.skip('there is a GPU');
  const folder = await temporaryFolder(t);
  const auto = await train(folder, 'auto');
  assert.equal(auto.code, 0, auto.stderr);
  assert.equal((await startOf((JSON.parse(auto.stdout) as { folder: string }).folder))['backend'], 'cpu');

  const refused = await train(folder, 'cuda');
  assert.equal(refused.code, 3, refused.stderr);
  assert.match(refused.stderr, /^error: .+\n {2}at: .+\n {2}fix: .+$/);
});

test('with a GPU, "auto" is the GPU', async (t) => {
  if (!cuda.available) return t.skip(noGpu);
  const auto = await train(await temporaryFolder(t), 'auto');
  assert.equal(auto.code, 0, auto.stderr);
  const start = await startOf((JSON.parse(auto.stdout) as { folder: string }).folder);
  assert.equal(start['backend'], 'cuda');
  assert.equal(start['device'], cuda.devices[0]!.name);
});
