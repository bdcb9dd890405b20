import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test, type TestContext } from 'node:test';

import { download, environmentProxy, type Remote } from '../../../src/core/download/index.js';
import {
  fetchLibrary,
  LIBRARY,
  libraryFile,
  planSetUp,
  removeLibrary,
  type SetUpOptions,
  stateOfBackends,
  useLibrary,
  userFolder,
} from '../../../src/core/cuda-library/index.js';
import { unpackMember } from '../../../src/core/cuda-library/unpack.js';
import { choose, type Wheel } from '../../../src/core/cuda-library/wheel-index.js';
import { WishboneError } from '../../../src/core/errors.js';
import { temporaryFolder } from '../run/support.js';
import { fakeIndex, type FakeIndex, fakeProxy, FILE, LIBRARY_CONTENT, WHEEL } from './fake-index.js';

async function begin(
  context: TestContext,
  network: SetUpOptions['network'] = {},
): Promise<{ server: FakeIndex; options: SetUpOptions; folder: string }> {
  const server = await fakeIndex();
  context.after(() => server.close());
  const folder = path.join(await temporaryFolder(context), 'cuda');
  return { server, folder, options: { folder, index: server.index, network: { proxy: '', ...network }, machine: 'x86_64' } };
}

const remote = ({ url, size, sha256 }: Wheel): Remote => ({ url, size, check: { algorithm: 'sha256', digest: sha256 } });

const refused = (what: RegExp) => (error: unknown) => error instanceof WishboneError && what.test(error.what) && error.advice !== '';

test('the wheel is looked up, fetched, checked, and its library alone is left', async (context) => {
  const { options, folder } = await begin(context);
  const plan = await planSetUp(options);
  assert.deepEqual([plan.wheel.file, plan.wheel.version, plan.wheel.size, plan.fetched], [FILE, '13.1.0.3', WHEEL.length, 0]);
  const phases = new Set<string>();
  let last = 0;
  const library = await fetchLibrary(plan, options, { onProgress: ({ phase, done, total }) => (phases.add(phase), (last = done / total)) });
  assert.equal(library, path.join(folder, LIBRARY));
  assert.ok((await readFile(library)).equals(LIBRARY_CONTENT));
  assert.deepEqual(await readdir(folder), [LIBRARY]);
  assert.deepEqual([[...phases], last], [['download', 'verify', 'unpack'], 1]);
});

test('an older mirror speaks HTML', async (context) => {
  const { server, options } = await begin(context);
  server.faults.html = true;
  const plan = await planSetUp(options);
  assert.deepEqual([plan.wheel.version, plan.wheel.size], ['13.1.0.3', undefined]);
  assert.ok((await readFile(await fetchLibrary(plan, options))).equals(LIBRARY_CONTENT));
});

test('a file that is not what the index says is refused, and does not stay', async (context) => {
  const { server, options, folder } = await begin(context);
  server.faults.wrongHash = true;
  await assert.rejects(fetchLibrary(await planSetUp(options), options), refused(/not what was promised/));
  assert.deepEqual(await readdir(folder), []);
});

test('a connection that is cut is taken up where it was; one that stays cut keeps what came', async (context) => {
  const { server, options, folder } = await begin(context);
  server.faults.cuts = [200, 300];
  const plan = await planSetUp(options);
  await download(remote(plan.wheel), path.join(folder, 'whole'), options.network, {}, { pause: 1 });
  assert.deepEqual(
    server.asked.filter(({ path: asked }) => asked.startsWith('/files/')).map(({ range }) => range),
    [undefined, 'bytes=200-', 'bytes=500-'],
  );
  server.faults.cuts = [200, 0, 0, 0, 0, 0];
  const part = path.join(folder, 'part');
  await assert.rejects(download(remote(plan.wheel), part, options.network, {}, { pause: 1 }), refused(/connection failed/));
  assert.equal((await readFile(part)).length, 200);
  server.faults.cuts = [];
  await download(remote(plan.wheel), part, options.network, {}, { pause: 1 });
  assert.ok((await readFile(part)).equals(WHEEL));
});

test('a server without ranges begins again, and one that falls silent is given up', async (context) => {
  const { server, options, folder } = await begin(context, { patience: 200 });
  server.faults.cuts = [200];
  server.faults.ignoresRanges = true;
  const plan = await planSetUp(options);
  const file = path.join(folder, 'file');
  await download(remote(plan.wheel), file, options.network, {}, { pause: 1 });
  assert.ok((await readFile(file)).equals(WHEEL));
  server.faults.stalls = true;
  await assert.rejects(
    download(remote(plan.wheel), path.join(folder, 'other'), options.network, {}, { pause: 1 }),
    refused(/connection failed/),
  );
});

test('cancelled, what came stays, and the next attempt goes on from there', async (context) => {
  const { server, options } = await begin(context);
  server.faults.slow = true;
  const plan = await planSetUp(options);
  const cancel = new AbortController();
  const work = {
    signal: cancel.signal,
    onProgress: ({ done }: { done: number }) => void (done >= 40 && cancel.abort(new Error('given up'))),
  };
  await assert.rejects(fetchLibrary(plan, options, work), /given up/);
  const again = await planSetUp(options);
  assert.ok(again.fetched >= 40 && again.fetched < WHEEL.length, String(again.fetched));
  server.faults.slow = false;
  assert.ok((await readFile(await fetchLibrary(again, options))).equals(LIBRARY_CONTENT));
  assert.equal(server.asked.at(-1)?.range, `bytes=${again.fetched}-`);
});

test('no room, a folder that cannot be written, an index that is none, and one that does not answer are said', async (context) => {
  const { server, options, folder } = await begin(context);
  const plan = await planSetUp(options);
  await assert.rejects(fetchLibrary(plan, { ...options, free: async () => 1000 }), refused(/the disk has 0 MiB free/));
  const file = path.join(await temporaryFolder(context), 'file');
  await writeFile(file, '');
  await assert.rejects(
    fetchLibrary(plan, { ...options, folder: path.join(file, 'cuda') }),
    refused(/a file is where a folder of this path should be/),
  );
  await assert.rejects(planSetUp({ ...options, machine: 'riscv64' }), refused(/no nvidia-cublas 13 for Linux on riscv64/));
  server.faults.status = 404;
  await assert.rejects(planSetUp(options), refused(/answered 404/));
  server.faults.status = 503;
  await assert.rejects(planSetUp(options), refused(/does not answer/));
  await server.close();
  await assert.rejects(planSetUp(options), refused(/does not answer/));
  await assert.rejects(planSetUp({ ...options, index: 'http://example.invalid/simple/' }), refused(/not encrypted/));
  await assert.rejects(planSetUp({ ...options, index: 'nowhere' }), refused(/cannot be read/));
  assert.deepEqual(await readdir(folder).catch(() => []), []);
});

test('a proxy is asked for the way, with its password', async (context) => {
  const proxy = await fakeProxy();
  context.after(() => proxy.close());
  const { options, server } = await begin(context, { proxy: proxy.address, proxyAuthorization: 'Basic eDp5' });
  assert.ok((await readFile(await fetchLibrary(await planSetUp(options), options))).equals(LIBRARY_CONTENT));
  const host = new URL(server.index).host;
  assert.ok(
    proxy.tunnels.length >= 2 && proxy.tunnels.every(({ to, authorization }) => to === host && authorization === 'Basic eDp5'),
    JSON.stringify(proxy.tunnels),
  );
});

test('the proxy of the environment, as curl takes it', () => {
  const proxy = (address: string, env: NodeJS.ProcessEnv): string | undefined => environmentProxy(new URL(address), env);
  assert.equal(proxy('https://pypi.org', { HTTPS_PROXY: 'http://p:1' }), 'http://p:1');
  assert.equal(proxy('https://pypi.org', { https_proxy: 'http://q:1', HTTPS_PROXY: 'http://p:1' }), 'http://q:1');
  assert.equal(proxy('https://pypi.org', { ALL_PROXY: 'http://a:1' }), 'http://a:1');
  assert.equal(proxy('https://files.pypi.org', { HTTPS_PROXY: 'http://p:1', NO_PROXY: 'x, .pypi.org' }), undefined);
  assert.equal(proxy('https://pypi.org', { HTTPS_PROXY: 'http://p:1', no_proxy: '*' }), undefined);
  assert.equal(proxy('https://notpypi.org', { HTTPS_PROXY: 'http://p:1', NO_PROXY: 'pypi.org' }), 'http://p:1');
  assert.equal(proxy('https://pypi.org', {}), undefined);
});

test('of several versions the known one is taken, else the newest that fits', () => {
  const wheel = (version: string, tag = 'manylinux_2_27_x86_64'): Wheel => ({
    file: `nvidia_cublas-${version}-py3-none-${tag}.whl`,
    version,
    url: 'https://x',
    size: 1,
    sha256: 'a'.repeat(64),
  });
  const versions = ['13.0.2.14', '13.10.0.20', '13.9.0.1', '13.11.0.1rc1', '14.0.0.1', '12.9.0.1'];
  assert.equal(
    choose(
      versions.map((version) => wheel(version)),
      'x86_64',
    )?.version,
    '13.10.0.20',
  );
  assert.equal(
    choose(
      [...versions, '13.1.0.3'].map((version) => wheel(version)),
      'x86_64',
    )?.version,
    '13.1.0.3',
  );
  assert.equal(choose([wheel('13.1.0.3', 'manylinux1_x86_64.manylinux_2_5_x86_64')], 'x86_64')?.version, '13.1.0.3');
  assert.equal(choose([wheel('13.1.0.3', 'win_amd64'), wheel('13.1.0.3', 'manylinux_2_27_aarch64')], 'x86_64'), undefined);
});

test('a wheel that is no zip, or has no such library, leaves nothing', async (context) => {
  const folder = await temporaryFolder(context);
  const zip = path.join(folder, 'x.whl');
  await writeFile(zip, 'no zip');
  await assert.rejects(unpackMember(zip, LIBRARY, libraryFile(folder)), refused(/cannot be unpacked/));
  await writeFile(zip, WHEEL);
  await assert.rejects(unpackMember(zip, 'libother.so', libraryFile(folder)), refused(/has no libother/));
  const damaged = Buffer.from(WHEEL);
  damaged.fill(0, 200, 260);
  await writeFile(zip, damaged);
  await assert.rejects(unpackMember(zip, LIBRARY, libraryFile(folder)));
  assert.deepEqual(await readdir(folder), ['x.whl']);
});

test('runners are told of the library, unless somebody named another', async (context) => {
  const before = process.env['WISHBONE_CUBLASLT'];
  context.after(() => (before === undefined ? delete process.env['WISHBONE_CUBLASLT'] : (process.env['WISHBONE_CUBLASLT'] = before)));
  delete process.env['WISHBONE_CUBLASLT'];
  const [own, users] = [await temporaryFolder(context), await temporaryFolder(context)];
  useLibrary([own, users]);
  assert.equal(process.env['WISHBONE_CUBLASLT'], undefined);
  await writeFile(libraryFile(users), '');
  useLibrary([own, users]);
  assert.equal(process.env['WISHBONE_CUBLASLT'], libraryFile(users));
  await removeLibrary(users);
  assert.equal(process.env['WISHBONE_CUBLASLT'], undefined, 'what is gone is not named');
  process.env['WISHBONE_CUBLASLT'] = '/opt/other.so';
  await writeFile(libraryFile(own), '');
  useLibrary([own, users]);
  assert.equal(process.env['WISHBONE_CUBLASLT'], '/opt/other.so');
  assert.equal(userFolder({ XDG_DATA_HOME: '/data' }), '/data/wishbone/cuda');
  assert.match(userFolder({ XDG_DATA_HOME: 'relative' }), /\.local\/share\/wishbone\/cuda$/);
});

test('what stands between the runner and the GPU is told from what the runner says', () => {
  const cuda = (problem: string) => stateOfBackends([{ name: 'cuda', available: false, devices: [], problem }]);
  assert.equal(stateOfBackends([{ name: 'cuda', available: true, devices: [{ name: 'H100' }] }]).kind, 'ready');
  assert.equal(cuda('cuBLASLt 13 (libcublasLt.so.13) is not on this machine').kind, 'library');
  assert.deepEqual(cuda('The NVIDIA driver is too old: it serves CUDA 12.4, this runner needs 13.0.'), {
    kind: 'driver',
    problem: 'The NVIDIA driver is too old: it serves CUDA 12.4, this runner needs 13.0.',
  });
  assert.equal(cuda('There is no NVIDIA driver on this machine (libcuda.so.1 cannot be loaded).').kind, 'driver');
  assert.equal(cuda('This runner was built without CUDA').kind, 'cpu-only');
  assert.equal(stateOfBackends([]).kind, 'cpu-only');
});
