// 20 steps of training with many losses, against a loop of transformers, torch and TRL's loss code on the same batches:
// test/fixtures/losses/training.json, made by scripts/fixtures/trl_training.py.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readEvents } from '../../src/core/events/event-reader.js';
import { layOutRun } from './fixture-run.js';
import { assertClose } from './numbers.js';
import { repository, runnerCommand, temporaryFolder } from './support.js';

const fields = [
  'loss',
  'rewards/chosen',
  'rewards/rejected',
  'rewards/margins',
  'rewards/accuracies',
  'logps/chosen',
  'logps/rejected',
  'grad_norm',
] as const;

interface Case {
  readonly name: string;
  /** As in `run.json`. */
  readonly training: { readonly loss_type: string | readonly string[] };
  readonly steps: Readonly<Record<(typeof fields)[number], readonly number[]>>;
}

const fixtures = join(repository, 'test/fixtures');
const { cases } = JSON.parse(readFileSync(join(fixtures, 'losses/training.json'), 'utf8')) as { cases: readonly Case[] };
const model = join(fixtures, 'hf/mha-tied-fp32/model');

for (const { name, training, steps } of cases) {
  // That naive plans train the same is shown elsewhere; one of them ties the two together here.
  for (const sharing of name === 'mixture' ? ['pair', 'none'] : ['pair']) {
    test(`${name}, sharing ${sharing}: 20 steps as TRL takes them`, async (t) => {
      const run = join(await temporaryFolder(t), 'run');
      await layOutRun(run, join(fixtures, `hf/train-linear/plan-${sharing}.safetensors`), model, training);
      const result = await runnerCommand('train', run);
      assert.equal(result.code, 0, result.stderr);
      const events = (await readEvents(run)).filter((event) => event.type === 'step');
      assert.equal(events.length, 20);
      for (const field of fields) {
        const limit = field === 'loss' ? 1e-5 : 1e-4;
        assertClose(
          events.map((event) => event[field] ?? NaN),
          steps[field],
          limit,
          field,
        );
      }
    });
  }
}

interface Difference {
  readonly plan: string;
  readonly loss_type: string;
  readonly trl: number;
  readonly ours: number;
}

// docs/coming-from-trl.md has a row for each; made by scripts/fixtures/trl_differences.py.
const { losses: differences } = JSON.parse(readFileSync(join(fixtures, 'losses/differences.json'), 'utf8')) as {
  readonly losses: readonly Difference[];
};

for (const { plan, loss_type, trl, ours } of differences) {
  test(`${loss_type}, ${plan}: ${trl === ours ? 'as TRL' : "Wishbone's rule, and how far TRL's is from it"}`, async (t) => {
    const run = join(await temporaryFolder(t), 'run');
    const reads = ['orpo', 'cpo', 'simpo', 'sft'].includes(loss_type)
      ? {}
      : { reference_model: join(fixtures, 'hf/llama3-rope-sharded/model') };
    const constant = {
      lr_scheduler_type: 'constant',
      warmup_ratio: 0,
      weight_decay: 0,
      adam_beta1: 0.9,
      adam_beta2: 0.999,
      adam_epsilon: 1e-8,
      max_grad_norm: 1,
    };
    await layOutRun(run, join(fixtures, `losses/differences-${plan}.safetensors`), model, {
      loss_type,
      beta: 0.1,
      learning_rate: 1e-6,
      ...constant,
      ...reads,
    });
    const result = await runnerCommand('train', run);
    assert.equal(result.code, 0, result.stderr);
    const [step] = (await readEvents(run)).filter((event) => event.type === 'step');
    assertClose([step?.loss ?? NaN], [ours], 1e-5, 'loss');
    // The row is in the table because they differ.
    if (loss_type === 'orpo' || (plan === 'no-prompts' && loss_type !== 'sigmoid')) assert.ok(Math.abs(trl - ours) > 1e-4);
    else assert.equal(trl, ours);
  });
}
