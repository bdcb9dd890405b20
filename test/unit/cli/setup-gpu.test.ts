import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';

import { fakeIndex, type FakeIndex, LIBRARY_CONTENT } from '../cuda-library/fake-index.js';
import { temporaryFolder } from '../run/support.js';

const main = path.resolve(import.meta.dirname, '../../../src/cli/main.ts');

interface Machine {
  readonly server: FakeIndex;
  /** Where the command keeps the library. */
  readonly kept: string;
  wishbone(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }>;
}

/** A machine whose runner finds a GPU once it is given a library, unless it has another `problem`. */
async function machine(context: TestContext, problem = ''): Promise<Machine> {
  const server = await fakeIndex();
  context.after(() => server.close());
  const folder = await temporaryFolder(context);
  const runner = path.join(folder, 'runner');
  const answer = (available: boolean, text: string): string =>
    JSON.stringify({
      backends: [
        { name: 'cpu', available: true, devices: [{ name: 'a CPU' }] },
        available ? { name: 'cuda', available, devices: [{ name: 'A GPU' }] } : { name: 'cuda', available, devices: [], problem: text },
      ],
    });
  const missing = 'cuBLASLt 13 (libcublasLt.so.13) is not on this machine';
  await writeFile(
    runner,
    problem === ''
      ? `#!/bin/sh\nif [ -s "$WISHBONE_CUBLASLT" ]; then echo '${answer(true, '')}'; else echo '${answer(false, missing)}'; fi\n`
      : `#!/bin/sh\necho '${answer(false, problem)}'\n`,
  );
  await chmod(runner, 0o755);
  const env = { ...process.env, WISHBONE_RUNNER: runner, XDG_DATA_HOME: path.join(folder, 'data'), WISHBONE_CUBLASLT: '' };
  return {
    server,
    kept: path.join(folder, 'data', 'wishbone', 'cuda'),
    async wishbone(...args) {
      const child = spawn(process.execPath, ['--import', 'tsx', main, ...args], {
        cwd: path.dirname(main),
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
      return {
        code: child.exitCode ?? (await new Promise((done) => child.on('exit', done))),
        stdout: stdout.trimEnd(),
        stderr: stderr.trimEnd(),
      };
    },
  };
}

test('setup-gpu fetches what is missing, checks it with the runner, and runners find it from then on', async (context) => {
  const { server, kept, wishbone } = await machine(context);
  const checked = await wishbone('setup-gpu', '--check');
  assert.equal(checked.code, 3);
  assert.match(checked.stderr, /^error: cuBLASLt 13 .*is not on this machine\n {2}at: .*\n {2}fix: download it: wishbone setup-gpu$/);
  const asked = await wishbone('setup-gpu', '--index-url', server.index);
  assert.match(asked.stderr, /error: cannot ask for confirmation here[^]*add --yes/);
  const done = await wishbone('setup-gpu', '--index-url', server.index, '--yes');
  assert.equal(done.code, 0, done.stderr);
  assert.match(done.stdout, /^the GPU is ready: A GPU\n.*libcublasLt\.so\.13$/);
  assert.match(done.stderr, /nvidia_cublas-13\.1\.0\.3.*, from 127\.0\.0\.1/);
  assert.ok((await readFile(path.join(kept, 'libcublasLt.so.13'))).equals(LIBRARY_CONTENT));
  assert.equal((await wishbone('setup-gpu', '--check')).stdout, 'the GPU is ready: A GPU');
  assert.match((await wishbone('setup-gpu', '--remove')).stdout, /^removed 0 MiB from /);
  assert.equal((await wishbone('setup-gpu', '--check')).code, 3);
});

test('what only a driver can mend is said, and nothing is fetched', async (context) => {
  const { server, wishbone } = await machine(context, 'The NVIDIA driver is too old: it serves CUDA 12.4, this runner needs 13.0.');
  const { code, stderr } = await wishbone('setup-gpu', '--index-url', server.index, '--yes');
  assert.equal(code, 3);
  assert.match(
    stderr,
    /^error: The NVIDIA driver is too old: it serves CUDA 12\.4, this runner needs 13\.0\n {2}at: this machine\n {2}fix: .*580 or newer/,
  );
  assert.deepEqual(server.asked, []);
});

test('a damaged download leaves nothing', async (context) => {
  const { server, kept, wishbone } = await machine(context);
  server.faults.wrongHash = true;
  const { code, stderr } = await wishbone('setup-gpu', '--index-url', server.index, '--yes');
  assert.equal(code, 3);
  assert.match(stderr, /not what was promised/);
  assert.deepEqual(await readdir(kept), []);
});
