import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';

import { version } from '../../../package.json';
import { type MadeWith, madeWith, newRunConfig, parseRunConfig, repeatCommand, type RunConfig } from '../../../src/core/run/index.js';
import { LONGEST_NOTES as longestKept, readLabels, writeLabels } from '../../../src/core/run/labels.js';
import { LONGEST_NOTES as longestSent } from '../../../src/protocol/run.js';
import { exampleConfig, temporaryFolder } from './support.js';

test('a run says with which Wishbone, from which commit, and whether there were changes', async (context) => {
  const folder = await temporaryFolder(context);
  const runs = path.join(folder, '.wishbone', 'runs');
  assert.deepEqual(await madeWith(runs), { wishbone: version }, 'in no repository');
  const git = (...args: string[]): string =>
    execFileSync('git', ['-C', folder, '-c', 'user.name=n', '-c', 'user.email=e@e', ...args], { encoding: 'utf8' }).trim();
  git('init', '-q');
  assert.deepEqual(await madeWith(runs), { wishbone: version }, 'without a commit');
  const file = path.join(folder, 'data.jsonl');
  await writeFile(file, 'a');
  git('add', '.');
  git('commit', '-qm', 'c');
  const commit = git('rev-parse', 'HEAD');
  assert.deepEqual(await madeWith(runs), { wishbone: version, git: { commit, dirty: false } });
  await mkdir(runs, { recursive: true });
  await writeFile(path.join(folder, 'new.txt'), 'files that git does not know are no change');
  assert.equal((await madeWith(runs)).git?.dirty, false);
  await writeFile(file, 'b');
  assert.deepEqual((await madeWith(runs)).git, { commit, dirty: true });
});

test('what a run was made with is read back; without it, and with parts of it, a run is good too', () => {
  const made: MadeWith = { wishbone: '0.1.0', git: { commit: 'b'.repeat(40), dirty: false } };
  const read = (config: unknown): RunConfig => parseRunConfig(JSON.stringify(config), 'run.json');
  assert.deepEqual(read({ ...exampleConfig(), made_with: made }).made_with, made);
  assert.deepEqual(read({ ...exampleConfig(), made_with: { wishbone: '1' } }).made_with, { wishbone: '1' });
  assert.equal(read(exampleConfig()).made_with, undefined);
  assert.throws(
    () => read({ ...exampleConfig(), made_with: { wishbone: '1', git: { commit: 'x', dirty: false } } }),
    /made_with\.git\.commit/,
  );
  const { plan, training, runner, dataset, model } = exampleConfig();
  assert.deepEqual(newRunConfig({ plan, training, runner, dataset, model, madeWith: made }).made_with, made);
});

test('the command has what is not as the preset has it, for a shell', () => {
  const config = exampleConfig();
  const plain = repeatCommand(config);
  assert.deepEqual(plain, {
    command: 'wishbone train /data/pairs.jsonl --model /models/tiny --name example --preset standard --capacity 2048 --devices 1',
    without: [],
  });
  const changed = repeatCommand({
    ...config,
    name: "it's a run",
    dataset: { ...config.dataset, names: ['/data/my pairs.jsonl:0.5', '/data/*.csv'] },
    eval_dataset: { ...config.dataset, path: '/data/eval.jsonl' },
    plan: { ...config.plan, sharing: 'tree' },
    training: {
      ...config.training,
      loss_type: ['sigmoid', 'sft'],
      loss_weights: [1, 0.5],
      learning_rate: 3e-7,
      use_peft: true,
      lora_rank_pattern: { q_proj: 8 },
    },
    runner: { ...config.runner, deterministic: true },
  });
  assert.equal(
    changed.command,
    "wishbone train '/data/my pairs.jsonl:0.5' '/data/*.csv' --model /models/tiny --eval-dataset /data/eval.jsonl --name 'it'\\''s a run' " +
      '--preset standard --sharing tree --capacity 2048 --loss-type sigmoid,sft --loss-weights 1,0.5 --learning-rate 3e-7 --use-peft --deterministic --devices 1',
  );
  assert.deepEqual(changed.without, ['training.lora_rank_pattern'], 'what has no flag is named');
});

test('notes are kept beside name and tags, up to a length that panels know too', async (context) => {
  assert.equal(longestKept, longestSent);
  const folder = await temporaryFolder(context);
  await writeLabels(folder, { tags: ['a'], notes: 'first line\nsecond' });
  assert.deepEqual(await readLabels(folder), { tags: ['a'], notes: 'first line\nsecond' });
  await assert.rejects(writeLabels(folder, { tags: [], notes: 'x'.repeat(longestKept + 1) }), /notes have at most/);
});
