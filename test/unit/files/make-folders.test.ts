// Folders are made or refused; nothing waits for ever on a place where none can be made.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { Spool } from '../../../src/core/dataset-table/spool.js';
import { ExitCode, WishboneError } from '../../../src/core/errors.js';
import { writeFileAtomically } from '../../../src/core/files/atomic-file.js';
import { DiskCache } from '../../../src/core/files/disk-cache.js';
import { makeFolderOf, makeFolders } from '../../../src/core/files/make-folders.js';
import { giveOrder } from '../../../src/core/sweep/orders.js';
import { claimSweep } from '../../../src/core/sweep/process.js';
import { projectFiles, repository } from '../architecture/imports.js';

let folder: string;
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'wishbone-folders-'));
});
after(() => rm(folder, { recursive: true, force: true }));

test('missing folders are made, each with the mode, and the topmost is named', async () => {
  const top = path.join(folder, 'a');
  const whole = path.join(top, 'b', 'c');
  assert.equal(await makeFolders(whole, 0o700), top);
  for (const each of [top, path.join(top, 'b'), whole]) assert.equal((await stat(each)).mode & 0o777, 0o700);
  assert.equal(await makeFolders(whole), undefined);
  assert.equal(await makeFolders(path.parse(folder).root), undefined);
  await symlink(top, path.join(folder, 'link'));
  assert.equal(await makeFolders(path.join(folder, 'link', 'd')), path.join(folder, 'link', 'd'));
  assert.equal((await stat(path.join(top, 'd'))).isDirectory(), true);
});

test('many who make the same folders at once all have them', async () => {
  const whole = path.join(folder, 'at', 'once', 'by', 'many');
  await Promise.all(Array.from({ length: 20 }, () => makeFolders(whole)));
  assert.equal((await stat(whole)).isDirectory(), true);
});

test('a file in the place of a folder is refused', async () => {
  const file = path.join(folder, 'file');
  await writeFile(file, '');
  await assert.rejects(makeFolders(file), { code: 'EEXIST' });
  await assert.rejects(makeFolders(path.join(file, 'a', 'b')), { code: 'ENOTDIR' });
  await symlink(path.join(folder, 'nowhere'), path.join(folder, 'dangling'));
  await assert.rejects(makeFolders(path.join(folder, 'dangling')), { code: 'EEXIST' });
});

test('a file that cannot be written for want of a folder is named, in words', async () => {
  const own = path.join(folder, 'own');
  await writeFile(own, '');
  const within = path.join(own, 'sweeps', 'sweep.json');
  const work = [
    makeFolderOf(path.join(own, 'file')),
    makeFolderOf(within),
    claimSweep(within),
    giveOrder(within, { pause: true }),
    Spool.make(own),
    writeFileAtomically(within, (handle) => handle.writeFile('')),
  ];
  for (const each of work) {
    await assert.rejects(each, (error: unknown) => {
      assert.ok(error instanceof WishboneError, String(error));
      assert.deepEqual([error.what, error.exitCode], ['a file is where a folder of this path should be', ExitCode.cannotWrite]);
      assert.ok(error.where.startsWith(own));
      return true;
    });
  }
});

test('rows of packed files are shown without a cache too', async (t) => {
  const cache = path.join(folder, 'no-cache');
  await writeFile(cache, '');
  const before = process.env['WISHBONE_CACHE'];
  t.after(() => {
    if (before === undefined) delete process.env['WISHBONE_CACHE'];
    else process.env['WISHBONE_CACHE'] = before;
  });
  process.env['WISHBONE_CACHE'] = cache;
  const spool = await Spool.make();
  spool.add(Buffer.from('rows'));
  await spool.flush();
  assert.equal((await spool.handle.read(Buffer.alloc(4), 0, 4, 0)).buffer.toString(), 'rows');
  await spool.handle.close();
});

test('a cache that is a file is as good as none, and clearing it removes nothing', async () => {
  const file = path.join(folder, 'cache');
  await writeFile(file, 'mine');
  const cache = new DiskCache(file);
  await cache.put('plans', 'key', 'plan', (entry) => writeFile(entry, ''));
  assert.deepEqual(await cache.clear(), { entries: 0, bytes: 0 });
  assert.equal(await readFile(file, 'utf8'), 'mine');
});

test('where the system knows no such name, a cache gives up', { skip: process.platform !== 'linux' }, async () => {
  const module = path.join(repository, 'src/core/files/disk-cache.ts');
  const program = `
    const { DiskCache } = require(${JSON.stringify(module)});
    new DiskCache('/proc/no-such-place').put('plans', 'key', 'plan', async () => {}).then(() => console.log('given up'));`;
  // In a process of its own: what loops can only be ended from outside.
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', '--eval', program], { timeout: 60_000 });
  assert.equal(stdout, 'given up\n');
});

test('no source makes folders by Node’s recursion', () => {
  const files = projectFiles().filter((file) => file.startsWith('src/'));
  assert.ok(files.length > 100);
  const found = files.filter((file) => /\bmkdir(Sync)?\([^;]*recursive/.test(readFileSync(path.join(repository, file), 'utf8')));
  assert.deepEqual(found, []);
});
