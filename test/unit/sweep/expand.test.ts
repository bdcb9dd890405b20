import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfigFile } from '../../../src/core/config-file/index.js';
import { WishboneError } from '../../../src/core/errors.js';
import { expandSweep, optionsOf } from '../../../src/core/sweep/index.js';

const FILE = '/work/sweep.wishbone.json';
const config = (sweep: unknown, rest: object = {}) => parseConfigFile(JSON.stringify({ version: 1, ...rest, sweep }, null, 1), FILE);
const names = (sweep: unknown): string[] => expandSweep(config(sweep)).map(({ name }) => name);

function refused(sweep: unknown, what: RegExp, where: RegExp, rest: object = {}): void {
  assert.throws(
    () => expandSweep(config(sweep, rest)),
    (error) => error instanceof WishboneError && what.test(error.what) && where.test(error.where) && error.advice !== '',
  );
}

test('a grid has every combination, the last option fastest, seeds faster still', () => {
  const values = { 'training.beta': [0.1, 0.3], 'training.loss_type': ['sigmoid', 'ipo'] };
  assert.deepEqual(names({ values }), [
    'beta=0.1 loss_type=sigmoid',
    'beta=0.1 loss_type=ipo',
    'beta=0.3 loss_type=sigmoid',
    'beta=0.3 loss_type=ipo',
  ]);
  assert.deepEqual(names({ values: { 'training.beta': [0.1, 0.3] }, seeds: [1, 2] }), [
    'beta=0.1 seed=1',
    'beta=0.1 seed=2',
    'beta=0.3 seed=1',
    'beta=0.3 seed=2',
  ]);
  assert.deepEqual(names({ seeds: [3, 4] }), ['seed=3', 'seed=4']);
});

test('some of a grid are drawn at random, always the same ones, none twice', () => {
  const values = { 'training.beta': [0.1, 0.2, 0.3, 0.4], 'training.learning_rate': [1e-6, 2e-6, 5e-6] };
  const all = names({ values });
  const some = names({ values, count: 5 });
  assert.equal(new Set(some).size, 5);
  assert.ok(some.every((name) => all.includes(name)));
  assert.deepEqual(names({ values, count: 5 }), some);
  assert.deepEqual(names({ values, count: 12 }).sort(), all.sort());
});

test('runs are named one by one, with what each has beside the config', () => {
  const made = config({ runs: [{ 'training.beta': 0.3 }, { 'plan.batch_size': 4, 'training.loss_type': ['sigmoid', 'sft'] }] });
  const trials = expandSweep(made);
  assert.deepEqual(
    trials.map(({ name }) => name),
    ['beta=0.3', 'batch_size=4 loss_type=["sigmoid","sft"]'],
  );
  const { plan, training } = optionsOf(made, trials[1]!.options);
  assert.deepEqual([plan.batch_size, training.loss_type, training.beta], [4, ['sigmoid', 'sft'], optionsOf(made, {}).training.beta]);
});

test('more combinations than any number counts are drawn among', () => {
  const many = Array.from({ length: 500 }, (_, i) => i + 1);
  const names = ['plan.seed', 'plan.max_steps', 'training.save_steps', 'plan.max_prompt_length', 'plan.batch_size'];
  const trials = expandSweep(config({ values: Object.fromEntries(names.map((name) => [name, many])), count: 20 }));
  assert.equal(new Set(trials.map(({ name }) => name)).size, 20);
});

test('what a sweep cannot be is said, with its place', () => {
  refused(undefined, /has no sweep/, /sweep\.wishbone\.json/);
  refused({}, /says nothing/, /sweep\.wishbone\.json:\d+, field sweep/);
  refused({ values: { 'training.beta': [] } }, /training\.beta has no values/, /field sweep\.values\.training\.beta/);
  refused({ values: { 'training.beta': [0.1, 0.1] } }, /the same: beta=0\.1/, /field sweep/);
  refused({ values: { 'training.beta': [0.1] }, runs: [{}] }, /either "values" or "runs"/, /sweep\.runs/);
  refused({ values: { 'training.beta': [0.1] }, count: 2 }, /there are 1 combinations/, /sweep\.count/);
  refused({ count: 2 }, /draws among/, /sweep\.count/);
  refused({ values: { 'plan.seed': [1] }, seeds: [2] }, /which are the same/, /field sweep/);
  refused(
    {
      values: { 'training.warmup_steps': Array.from({ length: 200 }, (_, i) => i), 'plan.seed': Array.from({ length: 200 }, (_, i) => i) },
    },
    /40000 runs/,
    /sweep\.values/,
  );
  refused({ values: { 'training.loss_type': ['sigmoid', 'simpo'] } }, /in the run loss_type=simpo/, /field sweep/, {
    training: { precompute: undefined, f_divergence_type: 'js_divergence' },
  });
});

test('values are judged as the options are, where they stand', () => {
  const problem = (sweep: unknown, what: RegExp, advice: RegExp): void =>
    assert.throws(
      () => config(sweep),
      (error) =>
        error instanceof WishboneError && what.test(error.what) && advice.test(error.advice) && /:\d+, field sweep\./.test(error.where),
    );
  problem({ values: { 'training.beta': [0.1, -1] } }, /sweep\.values\.training\.beta: expected a number/, /./);
  problem({ values: { 'training.bta': [1] } }, /unknown field "sweep\.values\.training\.bta"/, /did you mean/);
  problem({ values: { 'training.beta': 0.1 } }, /expected a list/, /./);
  problem({ runs: [{ 'training.beta': 'much' }] }, /sweep\.runs\[0\]\.training\.beta/, /./);
  problem({ values: { 'training.reference_model': ['a'] } }, /unknown field/, /./);
});

test('early stopping needs runs that can be compared', () => {
  const values = { 'training.learning_rate': [1e-6, 2e-6] };
  const rest = { eval_dataset: 'held.jsonl', training: { eval_steps: 10 } };
  const halving = { min_steps: 20 };
  const early = (what: RegExp, changed: object, sweep: object = {}): void =>
    refused({ values, halving, ...sweep }, what, /sweep\.wishbone\.json:\d+, field sweep\.halving/, { ...rest, ...changed });
  assert.equal(expandSweep(config({ values, halving }, rest)).length, 2);
  assert.equal(expandSweep(config({ values, halving: { rungs: [10, 40] } }, rest)).length, 2);
  early(/needs data to evaluate on \(in the run learning_rate=0\.000001\)/, { eval_dataset: undefined, training: {} });
  refused({ values, halving }, /eval_steps is 0/, /field sweep/, { ...rest, training: { eval_steps: 0 } });
  early(/nothing is evaluated after step 25, a rung/, {}, { halving: { min_steps: 25 } });
  early(/nothing is evaluated after step 15/, {}, { halving: { rungs: [10, 15] } });
  early(/not said when/, {}, { halving: {} });
  early(/either "rungs" or "min_steps"/, {}, { halving: { rungs: [10], min_steps: 10 } });
  early(/each later than the one before/, {}, { halving: { rungs: [20, 20] } });
  early(/each later than the one before/, {}, { halving: { rungs: [] } });
  early(/comes before preference training/, { training: { eval_steps: 10, sft_steps: 20 } });
  early(/early_stopping_patience both stop runs early/, { training: { eval_steps: 10, early_stopping_patience: 2 } });
  early(/differ in plan\.max_length are not evaluated on the same pairs/, {}, { values: { 'plan.max_length': [64, 128] } });
  early(/eval_loss means something else where training\.beta is another/, {}, { values: { 'training.beta': [0.1, 0.3] } });
  early(/eval_loss means .* training\.ld_alpha/, {}, { values: { 'training.ld_alpha': [1, 0.5] } });
  const margins = { min_steps: 20, metric: 'eval_rewards/margins' };
  early(
    /eval_rewards\/margins means .* training\.loss_type/,
    {},
    { values: { 'training.loss_type': ['ipo', 'sigmoid'] }, halving: margins },
  );
  const accuracies = { min_steps: 20, metric: 'eval_rewards/accuracies' };
  assert.equal(expandSweep(config({ values: { 'training.beta': [0.1, 0.3] }, halving: accuracies }, rest)).length, 2);
  const split = { eval_dataset: undefined, plan: { eval_fraction: 0.1 }, training: { eval_steps: 10 } };
  assert.equal(expandSweep(config({ values, halving, seeds: [1, 2] }, split)).length, 4);
  early(/plan\.seed decides which pairs are held out/, split, {
    values: undefined,
    runs: [
      { 'training.weight_decay': 0.1, 'plan.seed': 1 },
      { 'training.weight_decay': 0.2, 'plan.seed': 2 },
    ],
  });
});
