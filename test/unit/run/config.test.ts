import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { WishboneError } from '../../../src/core/errors.js';
import {
  checkOptions,
  DEFAULT_PLAN,
  DEFAULT_RUNNER,
  DEFAULT_TRAINING,
  optionChoices,
  optionKind,
  optionProblem,
  presetById,
  PRESETS,
} from '../../../src/core/options/index.js';
import { runText } from '../../../src/core/run/folder.js';
import { newRunConfig, parseRunConfig, type RunConfig } from '../../../src/core/run/index.js';
import { exampleConfig } from './support.js';

const FILE = '/runs/x/run.json';

function parse(change: (config: Record<string, any>) => void): RunConfig {
  const config = structuredClone(exampleConfig()) as unknown as Record<string, any>;
  change(config);
  return parseRunConfig(JSON.stringify(config), FILE);
}

function failure(change: (config: Record<string, any>) => void): WishboneError {
  try {
    parse(change);
  } catch (error) {
    assert.ok(error instanceof WishboneError, String(error));
    return error;
  }
  assert.fail('the config was accepted');
}

test('a config survives being written and read', () => {
  const config = exampleConfig();
  assert.deepEqual(parseRunConfig(JSON.stringify(config), FILE), config);
});

test('warm-up: a number of steps, 0 too, counts instead of the ratio; older files left 0 steps to it', () => {
  const read = (training: object): unknown[] => {
    const { warmup_steps, warmup_ratio } = parse((config) => Object.assign(config['training'], training)).training;
    return [warmup_steps, warmup_ratio];
  };
  assert.deepEqual(read({ warmup_steps: 0, warmup_ratio: 0.2 }), [-1, 0.2]);
  assert.deepEqual(read({ warmup_steps: undefined, warmup_ratio: 0.2 }), [-1, 0.2]);
  assert.deepEqual(read({ warmup_steps: 0, warmup_ratio: 0 }), [0, 0]);
  assert.deepEqual(read({ warmup_steps: 3, warmup_ratio: 0.2 }), [3, 0.2]);
  const { id: _, format: __, version: ___, created: ____, ...settings } = exampleConfig();
  const written = (steps: number): unknown[] => {
    const training = { ...settings.training, warmup_steps: steps, warmup_ratio: 0.2 };
    const { warmup_steps, warmup_ratio } = newRunConfig({ ...settings, training }).training;
    return [warmup_steps, warmup_ratio];
  };
  assert.deepEqual(
    [written(-1), written(0), written(3)],
    [
      [-1, 0.2],
      [0, 0],
      [3, 0],
    ],
  );
});

test('text that is not JSON names the file', () => {
  assert.throws(
    () => parseRunConfig('{', FILE),
    (error) => error instanceof WishboneError && error.where === FILE,
  );
});

test('an unknown key names the nearest known one', () => {
  const slip = failure((config) => (config['training'].learning_rat = 1));
  assert.equal(slip.where, `${FILE}, field training.learning_rat`);
  assert.equal(slip.advice, 'did you mean "training.learning_rate"?');
  const stranger = failure((config) => (config['plan'].zzzzzzzz = 1));
  assert.match(stranger.advice, /valid names: sharing, capacity/);
});

test('missing fields, wrong types and values out of range name the field', () => {
  const cases: [string, (config: Record<string, any>) => void][] = [
    ['plan', (config) => delete config['plan']],
    ['plan', (config) => (config['plan'] = [1])],
    ['dataset.sha256', (config) => (config['dataset'].sha256 = 'xyz')],
    ['model.path', (config) => (config['model'].path = 'relative/model')],
    ['plan.batch_size', (config) => (config['plan'].batch_size = 1.5)],
    ['plan.batch_size', (config) => (config['plan'].batch_size = '8')],
    ['plan.sharing', (config) => (config['plan'].sharing = 'tree-ish')],
    ['training.beta', (config) => (config['training'].beta = 0)],
    ['training.adam_beta2', (config) => (config['training'].adam_beta2 = 1)],
    ['training.save_steps', (config) => (config['training'].save_steps = -1)],
    ['runner.threads', (config) => delete config['runner'].threads],
    ['runner.backend', (config) => delete config['runner'].backend],
    ['runner.backend', (config) => (config['runner'].backend = 'tpu')],
    ['runner.recompute', (config) => (config['runner'].recompute = 'all')],
    ['runner.deterministic', (config) => (config['runner'].deterministic = 1)],
    ['runner.device', (config) => (config['runner'].device = -1)],
    ['runner.cublaslt', (config) => (config['runner'].cublaslt = 'lib/libcublasLt.so')],
    ['runner.recompute', (config) => (config['runner'].recompute = null)],
    ['version', (config) => (config['version'] = 2)],
    ['id', (config) => (config['id'] = '../escape')],
  ];
  for (const [field, change] of cases) assert.equal(failure(change).where, `${FILE}, field ${field}`);
});

test('a file from before there were GPUs says the same as then, and leaves to the runner what changes no number', () => {
  const config = parse((config) => (config['runner'] = { backend: 'cpu', threads: 3 }));
  assert.deepEqual(config.runner, {
    backend: 'cpu',
    threads: 3,
    recompute: 'auto',
    precision: 'bf16',
    deterministic: false,
    device: 0,
    devices: 1,
    shard: 'auto',
    offload: 'none',
    cublaslt: '',
  });
  assert.deepEqual(config.training, exampleConfig().training);
});

test('FP8 is refused on the CPU, and said in run.json only where it is asked for', () => {
  const asked = parse((config) => Object.assign(config['runner'], { backend: 'cuda', precision: 'fp8' }));
  assert.equal(JSON.parse(runText(asked)).runner.precision, 'fp8');
  assert.ok(!('precision' in JSON.parse(runText(exampleConfig())).runner));
  const on = (backend: 'cpu' | 'cuda') => ({ ...DEFAULT_RUNNER, backend, precision: 'fp8' as const });
  checkOptions({ ...asked, runner: on('cuda') }, false);
  assert.throws(() => checkOptions({ ...asked, runner: on('cpu') }, false), { where: 'runner.precision' });
});

test('a warm-up longer than the run is refused by its own name, with a decay by that of both', () => {
  const of = (training: object) => ({
    plan: { ...DEFAULT_PLAN, max_steps: 10 },
    training: { ...DEFAULT_TRAINING, ...training },
    runner: DEFAULT_RUNNER,
  });
  checkOptions(of({ warmup_steps: 10 }), false);
  assert.throws(() => checkOptions(of({ warmup_steps: 11 }), false), { where: 'training.warmup_steps', what: /warm-up takes 11 steps/ });
  const both = of({ lr_scheduler_type: 'warmup_stable_decay', warmup_steps: 4, num_decay_steps: 7 });
  assert.throws(() => checkOptions(both, false), { where: 'training.num_decay_steps', what: /warm-up and decay take 11 steps/ });
});

test('a library that an older run names is left out: it is code, and a run folder may come from anywhere', () => {
  const config = parse((changed) => (changed['runner'].cublaslt = '/tmp/evil.so'));
  assert.equal(config.runner.cublaslt, '');
  assert.equal(newRunConfig({ ...config, runner: { ...config.runner, cublaslt: '/tmp/evil.so' } }).runner.cublaslt, '');
});

test('any JSON is either a config or a WishboneError', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      assert.throws(() => parseRunConfig(text, FILE), WishboneError);
    }),
  );
});

test('any one field replaced by anything is either accepted or a WishboneError that names it', () => {
  const base = exampleConfig() as unknown as Record<string, any>;
  const fields = Object.entries(base).flatMap(([name, value]) =>
    typeof value === 'object' ? Object.keys(value).map((inner) => [name, inner]) : [[name]],
  );
  fc.assert(
    fc.property(fc.constantFrom(...fields), fc.jsonValue(), ([outer, inner], value) => {
      try {
        parse((config) => {
          if (inner === undefined) config[outer!] = value;
          else config[outer!][inner] = value;
        });
      } catch (error) {
        assert.ok(error instanceof WishboneError);
        assert.ok(error.where.includes(inner === undefined ? outer! : `${outer}.${inner}`), error.where);
      }
    }),
  );
});

test('nothing is left to be decided in a run.json', () => {
  assert.throws(() => parse((config) => (config['plan'] = { ...DEFAULT_PLAN })), /plan\.capacity: expected a whole number/);
});

test('every preset is a valid config', () => {
  for (const preset of PRESETS) {
    const config = parse((config) => {
      assert.equal(preset.plan.capacity, 'auto');
      config['plan'] = { ...preset.plan, capacity: 2048 };
      config['training'] = preset.training;
    });
    assert.equal(config.plan.batch_size, preset.plan.batch_size);
    assert.equal(presetById(preset.id), preset);
  }
  assert.equal(presetById('none such'), undefined);
});

test('options are judged one by one by the same rules', () => {
  assert.equal(optionProblem('training.beta', 0.1), undefined);
  assert.match(optionProblem('training.beta', 0)!, /above 0/);
  assert.match(optionProblem('plan.capacity', NaN)!, /whole number/);
  assert.match(optionProblem('plan.typo' as 'plan.seed', 1)!, /no option/);
  assert.deepEqual(optionChoices('plan.sharing'), ['none', 'pair', 'tree']);
  assert.equal(optionChoices('training.beta'), undefined);
  assert.deepEqual(optionChoices('runner.backend'), ['auto', 'cpu', 'cuda']);
  assert.equal(optionProblem('runner.deterministic', true), undefined);
  assert.match(optionProblem('runner.deterministic', 'yes')!, /true or false/);
  assert.equal(optionProblem('runner.cublaslt', '/usr/lib/libcublasLt.so.13'), undefined);
  assert.equal(optionProblem('runner.cublaslt', ''), undefined);
  const options = ['plan.sharing', 'plan.seed', 'training.beta', 'runner.deterministic', 'runner.cublaslt'] as const;
  assert.deepEqual(options.map(optionKind), ['choice', 'number', 'number', 'flag', 'text']);
});

test('losses may be a list with weights; what is no loss is named', () => {
  const { training } = parse((config) => {
    config['training'].loss_type = ['sigmoid', 'sft'];
    config['training'].loss_weights = [1, 0.5];
    config['training'].parameter_groups = [{ pattern: 'lm_head.*', learning_rate: 1e-7 }];
  });
  assert.deepEqual(training.loss_type, ['sigmoid', 'sft']);
  const slip = failure((config) => (config['training'].loss_type = ['sigmoit']));
  assert.equal(slip.where, `${FILE}, field training.loss_type`);
  assert.match(slip.what, /"sigmoid" or "hinge".*found "sigmoit"/);
  const group = failure((config) => (config['training'].parameter_groups = [{ patern: '*' }]));
  assert.equal(group.advice, 'did you mean "training.parameter_groups.0.pattern"?');
});

test('files of an older Wishbone get the value they meant', () => {
  const old = parse((config) => {
    for (const name of ['ld_alpha', 'loss_weights', 'eval_steps', 'parameter_groups']) delete config['training'][name];
  });
  assert.deepEqual(old.training, exampleConfig().training);
});
