import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';

const repository = path.resolve(import.meta.dirname, '../..');
const read = (file: string): Promise<string> => readFile(path.join(repository, file), 'utf8');

test('CONTRIBUTING.md names scripts and configurations that there are', async () => {
  const text = await read('CONTRIBUTING.md');
  const { scripts } = JSON.parse(await read('package.json')) as { scripts: Record<string, string> };
  for (const [, name] of text.matchAll(/npm run ([\w:]+)/g)) assert.ok(name! in scripts, `npm run ${name}`);
  const configurations = await read('.vscode/launch.json');
  for (const name of ['Extension', 'Test in this file', 'Command line', 'Runner: a run', 'Runner: native tests']) {
    assert.ok(text.includes(`**${name}**`) && configurations.includes(`"name": "${name}"`), name);
  }
});

test('the debugger is offered every folder of native tests', async () => {
  const { inputs } = JSON.parse(await read('.vscode/launch.json')) as { inputs: { id: string; options?: string[] }[] };
  const folders = await readdir(path.join(repository, 'native-runner/test'), { withFileTypes: true });
  const tested: string[] = [];
  for (const folder of folders) {
    if (!folder.isDirectory() || folder.name === 'cuda') continue;
    const files = await readdir(path.join(repository, 'native-runner/test', folder.name));
    if (files.some((file) => file.endsWith('_test.cpp'))) tested.push(folder.name);
  }
  assert.deepEqual(inputs.find(({ id }) => id === 'area')?.options, tested.sort());
});
