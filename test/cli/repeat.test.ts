// The command that a run's settings give repeats the run.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { repeatCommand, type RunConfig } from '../../src/core/run/index.js';
import { cli, briefData, exampleModel, outcome, temporaryFolder, wishbone } from './support.js';

async function configOf(folder: string): Promise<RunConfig> {
  return JSON.parse(await readFile(join(folder, 'run.json'), 'utf8')) as RunConfig;
}

test('the command of a run, given to a shell, makes the same run again', async (t) => {
  const folder = await temporaryFolder(t);
  const data = join(folder, "it's few.jsonl");
  await writeFile(data, (await readFile(briefData(), 'utf8')).split('\n').slice(0, 16).join('\n'));
  const options = [
    '--preset',
    'quick',
    '--epochs',
    '1',
    '--batch-size',
    '8',
    '--sharing',
    'tree',
    '--loss-type',
    'sigmoid,sft',
    '--loss-weights',
    '1,0.25',
    '--use-peft',
    '--lora-r',
    '4',
    '--lora-target-modules',
    'q_proj,v_proj',
    '--eval-fraction',
    '0.25',
    '--eval-steps',
    '1',
    '--learning-rate',
    '3e-7',
    '--name',
    'once $HOME "more"',
    '--threads',
    '1',
    '--backend',
    'cpu',
  ];
  const first = await wishbone('train', data, '--model', exampleModel, ...options, '--runs', join(folder, 'runs'), '--json');
  assert.equal(first.code, 0, first.stderr);
  const config = await configOf((JSON.parse(first.stdout) as { folder: string }).folder);
  const { command, without } = repeatCommand(config);
  assert.deepEqual(without, []);
  const shell = command.replace(/^wishbone/, `'${process.execPath}' '${cli}'`);
  const again = await outcome('sh', ['-c', `${shell} --runs '${join(folder, 'again')}' --json`]);
  assert.equal(again.code, 0, again.stderr);
  const repeated = await configOf((JSON.parse(again.stdout) as { folder: string }).folder);
  const { id: _id, created: _created, ...wanted } = config;
  const { id: _otherId, created: _otherCreated, ...found } = repeated;
  assert.deepEqual(found, wanted);
});
