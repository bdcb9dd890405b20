// A package without a runner, as machines other than Linux have it, does everything but train.
import assert from 'node:assert/strict';
import { cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { cli, exampleData, exampleModel, type Outcome, repository, temporaryFolder, wishbone } from './support.js';

test('on a Mac: data, plans, runs and exports work, and what trains says where that can be done', async (t) => {
  const scratch = await temporaryFolder(t);
  const runs = path.join(scratch, 'runs');
  const made = await wishbone('train', exampleData, '--model', exampleModel, '--batch-size', '32', '--runs', runs, '--json');
  assert.equal(made.code, 0, made.stderr);
  const dist = path.join(scratch, 'dist');
  await mkdir(dist);
  for (const name of await readdir(path.dirname(cli)))
    if (name !== 'bin') await cp(path.join(path.dirname(cli), name), path.join(dist, name), { recursive: true });
  await cp(path.join(repository, 'package.json'), path.join(scratch, 'package.json'));
  const pretend = path.join(scratch, 'mac.cjs');
  const say = (name: string, value: string): string => `Object.defineProperty(process, '${name}', { value: '${value}' });\n`;
  await writeFile(pretend, say('platform', 'darwin') + say('arch', 'arm64'));
  const { execa } = await import('execa');
  const there = async (...args: string[]): Promise<Outcome> => {
    // Processes that it starts are there too.
    const env = { NODE_OPTIONS: `--require ${pretend}` };
    const ran = await execa(process.execPath, [path.join(dist, 'cli.js'), ...args], { reject: false, stdin: 'ignore', env });
    return { code: ran.exitCode ?? -1, stdout: ran.stdout, stderr: ran.stderr };
  };
  for (const args of [
    ['check', exampleData, '--model', exampleModel],
    ['plan', exampleData, '--model', exampleModel],
    ['runs', '--runs', runs],
    ['show', 'latest', '--runs', runs],
    ['pairs', 'latest', '--runs', runs],
    ['export', 'latest', '--runs', runs, '--gguf', 'f16'],
  ]) {
    const ran = await there(...args);
    assert.equal(ran.code, 0, `${args[0]}: ${ran.stderr}`);
    assert.ok(ran.stdout.length > 0, args[0]);
  }
  for (const args of [
    ['train', exampleData, '--model', exampleModel, '--runs', path.join(scratch, 'others')],
    ['speedup', exampleData, '--model', exampleModel],
  ]) {
    const ran = await there(...args);
    assert.equal(ran.code, 70, ran.stdout);
    assert.match(ran.stderr, /^error: models are trained on Linux: there is no runner for macOS\n {2}at: .*\n {2}fix: .*Remote - SSH/m);
  }
  assert.deepEqual(await readdir(path.join(scratch, 'others')).catch(() => []), []);
});
