import assert from 'node:assert/strict';
import { test } from 'node:test';
import { briefData, cli, exampleData, exampleModel, outcome, runner, wishbone } from './support.js';

/** Runs a program under a limit of the shell's. */
const under = (limit: string, ...words: string[]) => outcome('bash', ['-c', `ulimit ${limit}; exec "$@"`, 'bash', ...words]);

test('few open files are one error, or enough, and never a trace', async () => {
  for (const files of [20, 24, 30, 40]) {
    const { code, stderr } = await under(`-n ${files}`, process.execPath, cli, 'plan', exampleData, '--model', exampleModel);
    if (code === 0) continue;
    assert.match(stderr, /^error: .+\n {2}at: .+\n {2}fix: .+$/, `${files}: ${stderr}`);
  }
});

test('little address space ends the runner with words, and never keeps it busy', async () => {
  for (const kib of [60_000, 100_000, 140_000, 200_000, 250_000]) {
    const begin = performance.now();
    const { code, stderr } = await under(`-v ${kib}`, 'timeout', '20', runner, 'info');
    assert.ok(performance.now() - begin < 15_000, `${kib} KiB keep it busy`);
    if (code === 0) continue;
    assert.equal(code, 4, stderr);
    assert.match(stderr, /^error: .+\n {2}at: .+\n {2}fix: .+$/);
  }
});

test('a path that is not UTF-8 is one error that says so', async () => {
  const { code, stderr } = await outcome('bash', ['-c', `exec "$@" $'/tmp/a\\xff.jsonl'`, 'bash', process.execPath, cli, 'check']);
  assert.equal(code, 3, stderr);
  assert.match(stderr, /^error: .+\n {2}at: .+\n {2}fix: the path has bytes that are not UTF-8.+$/m);
});

test('what cannot be printed is an error, and an error that cannot be printed ends as it would', async () => {
  const to = (redirection: string, ...words: string[]) =>
    outcome('bash', ['-c', `exec "$@" ${redirection}`, 'bash', process.execPath, cli, ...words]);
  const full = await to('>/dev/full', 'completion', 'bash');
  assert.equal(full.code, 5, full.stderr);
  assert.equal(full.stderr, 'error: no space left on the disk\n  at: standard output\n  fix: free some space, or write to another disk');
  assert.equal((await to('2>/dev/full', 'check', '/nowhere.jsonl')).code, 3);
  const { code, stderr } = await to('| head -c 1', 'completion', 'bash');
  assert.deepEqual([code, stderr], [0, '']);
});

test('where no temporary folder can be made, what needs one says so', async () => {
  for (const words of [
    ['sample', exampleModel, '--prompt', 'hi', '--max-new-tokens', '2'],
    ['speedup', briefData(), '--model', exampleModel, '--pairs', '2', '--rounds', '1', '--no-history'],
  ]) {
    const { code, stdout, stderr } = await outcome('env', ['TMPDIR=/nowhere/at all', process.execPath, cli, ...words]);
    assert.deepEqual([code, stdout], [5, ''], stderr);
    assert.match(stderr, /^error: a folder for temporary files cannot be made: .+\n {2}at: \/nowhere\/at all\n {2}fix: set TMPDIR .+$/m);
  }
});

test('a measurement that cannot be kept is told first', async () => {
  const data = briefData();
  const words = ['speedup', data, '--model', exampleModel, '--pairs', '2', '--rounds', '1', '--history', `${data}/here`, '--json'];
  const { code, stdout, stderr } = await wishbone(...words);
  assert.equal(code, 5, stderr);
  assert.match(stderr, /^error: cannot make the folder of measurements/m);
  assert.ok((JSON.parse(stdout) as { ratio: number }).ratio > 0);
});
