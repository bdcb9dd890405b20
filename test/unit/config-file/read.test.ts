import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  configProblems,
  configText,
  parseConfigFile,
  resolveConfig,
  sectionsOf,
  type ConfigFile,
} from '../../../src/core/config-file/index.js';
import { WishboneError } from '../../../src/core/errors.js';
import { DEFAULT_PLAN, DEFAULT_RUNNER, DEFAULT_TRAINING, LOSS_TYPES, presetById } from '../../../src/core/options/index.js';

const FILE = '/work/configs/run.wishbone.json';

function parse(text: string): ConfigFile {
  return parseConfigFile(text, FILE);
}

function failure(text: string): WishboneError {
  try {
    parse(text);
  } catch (error) {
    assert.ok(error instanceof WishboneError, String(error));
    return error;
  }
  assert.fail('the config was accepted');
}

test('a library to load is refused, whatever preset or comment stands beside it', () => {
  const error = failure('{ "version": 1, "preset": "trl",\n "runner": { "device": 1, "cublaslt": "lib/evil.so" } }');
  assert.match(error.what, /runner.cublaslt: a run config cannot name a library/);
  assert.match(error.where, /run\.wishbone\.json:2/);
  assert.match(error.advice, /--cublaslt \/work|--cublaslt lib|wishbone\.gpu\.library/);
  assert.deepEqual(parse('{ "version": 1, "runner": { "cublaslt": "" } }').runner, { cublaslt: '' });
});

test('a config with comments: values, relative paths from the file, places', () => {
  const config = parse(`{
  // what it is
  "version": 1,
  "name": "harbor",
  "model": "../models/tiny",
  "dataset": "/data/pairs.jsonl",
  "runs": "runs",
  "plan": { "num_train_epochs": 2, "max_steps": 40 },
  "training": {
    "loss_type": ["sigmoid", "sft"],
    "reference_model": "ref",
    "parameter_groups": [{ "pattern": "*", "weight_decay": 0.1 }],
  },
}`);
  const { where, ...values } = config;
  assert.deepEqual(values, {
    file: FILE,
    name: 'harbor',
    preset: undefined,
    model: '/work/models/tiny',
    dataset: ['/data/pairs.jsonl'],
    evalDataset: undefined,
    runs: '/work/configs/runs',
    plan: { epochs: 2, max_steps: 40 },
    training: {
      loss_type: ['sigmoid', 'sft'],
      reference_model: '/work/configs/ref',
      parameter_groups: [{ pattern: '*', weight_decay: 0.1 }],
    },
    runner: {},
  });
  assert.equal(where('training.loss_type'), `${FILE}:10, field training.loss_type`);
  assert.equal(where('training.beta'), `${FILE}, field training.beta`);
  assert.equal(where('plan.epochs'), `${FILE}:8, field plan.epochs`);
});

test('a dataset of several files, each with its path', () => {
  const { dataset, evalDataset } = parse('{"version": 1, "dataset": ["a/*.jsonl", "/b.csv:0.5"], "eval_dataset": "e.jsonl"}');
  assert.deepEqual(dataset, ['/work/configs/a/*.jsonl', '/b.csv:0.5']);
  assert.deepEqual(evalDataset, ['/work/configs/e.jsonl']);
  assert.match(failure('{"version": 1, "dataset": []}').what, /expected a path, or a list of these/);
  assert.match(failure('{"version": 1, "dataset": ["a", 3]}').what, /expected a path, found 3/);
});

test('what a config leaves out is the preset, then the default', () => {
  assert.deepEqual(resolveConfig(parse('{"version": 1}')), {
    plan: DEFAULT_PLAN,
    training: DEFAULT_TRAINING,
    runner: DEFAULT_RUNNER,
  });
  const resolved = resolveConfig(parse('{"version": 1, "preset": "quick", "training": {"beta": 0.5}}'));
  assert.deepEqual(resolved.plan, presetById('quick')!.plan);
  assert.deepEqual(resolved.training, { ...presetById('quick')!.training, beta: 0.5 });
});

const at = (line: number, field: string): string => `${FILE}:${line}, field ${field}`;
const wrong: readonly [name: string, text: string, where: string, what: RegExp, advice: RegExp][] = [
  [
    'unknown option',
    '{"version": 1,\n"training": {\n"learning_rat": 1}}',
    at(3, 'training.learning_rat'),
    /unknown field/,
    /did you mean "training.learning_rate"\?/,
  ],
  ['an option outside its part', '{"version": 1,\n"beta": 1}', at(2, 'beta'), /unknown field "beta"/, /did you mean "training.beta"\?/],
  [
    'an option of another part',
    '{"version": 1, "training": {"batch_size": 1}}',
    at(1, 'training.batch_size'),
    /unknown/,
    /did you mean "plan.batch_size"\?/,
  ],
  ['nothing like it', '{"version": 1, "zzzzzzzz": 1}', at(1, 'zzzzzzzz'), /unknown/, /valid names: .*version, name/],
  [
    'a wrong type',
    '{"version": 1,\n\n"training": {"beta": "0.1"}}',
    at(3, 'training.beta'),
    /expected a number above 0.*found "0.1"/,
    /set it to/,
  ],
  ['out of range', '{"version": 1, "plan": {"epochs": 0}}', at(1, 'plan.epochs'), /of at least 1/, /set it/],
  ['no such loss', '{"version": 1, "training": {"loss_type": "dpo"}}', at(1, 'training.loss_type'), /"sigmoid" or "hinge"/, /set it/],
  [
    'DPO by its name',
    '{"version": 1, "training": {"loss_type": "dpo"}}',
    at(1, 'training.loss_type'),
    /did you mean "sigmoid"\?/,
    /set it/,
  ],
  ['a GPU', '{"version": 1, "runner": {"backend": "gpu"}}', at(1, 'runner.backend'), /did you mean "cuda"\?/, /set it/],
  ['a number as text', '{"version": "1"}', at(1, 'version'), /expected 1, found "1"$/, /set it to 1/],
  ...Object.entries({
    'training.num_train_epochs': /^it is "plan\.epochs" here$/,
    'plan.per_device_train_batch_size': /^it is "plan\.batch_size" here: .* × devices$/,
    'training.gradient_accumulation_steps': /^it is "plan\.batch_size" here/,
    'training.lora_rank': /^it is "training\.lora_r" here$/,
    'training.lora_dropout': /^leave it out: .*dropout/,
    'training.optim': /AdamW/,
    model_name_or_path: /^it is "model" here$/,
  }).map(([field, advice]): [string, string, string, RegExp, RegExp] => {
    const [section, name] = field.split('.');
    const inside = name === undefined ? { [field]: 1 } : { [section!]: { [name]: 1 } };
    return [`TRL's ${field}`, JSON.stringify({ version: 1, ...inside }), at(1, field), /unknown/, advice];
  }),
  ['twice', '{"version": 1,\n"name": "a",\n"name": "b"}', at(3, 'name'), /twice/, /remove/],
  ['both names', '{"version": 1, "plan": {"epochs": 1, "num_train_epochs": 2}}', at(1, 'plan.num_train_epochs'), /the same/, /remove/],
  ['no version', '\n{"name": "a"}', at(2, 'version'), /missing/, /add "version": 1/],
  ['another version', '{"version": 2}', at(1, 'version'), /expected 1, found 2/, /set it/],
  ['a part that is none', '{"version": 1, "plan": 3}', at(1, 'plan'), /expected an object/, /write/],
  [
    'a group without a pattern',
    '{"version": 1, "training": {"parameter_groups": [{"weight_decay": 1}]}}',
    at(1, 'training.parameter_groups[0].pattern'),
    /missing/,
    /pattern of parameter names/,
  ],
  ['no JSON', '{"version": 1\n"name": "a"}', `${FILE}:2`, /not valid JSON: comma expected/, /fix the text/],
  ['nothing', '', `${FILE}:1`, /not valid JSON/, /fix the text/],
  ['a list', '[]', `${FILE}:1`, /is an object/, /docs\/run-config.md/],
];
for (const [name, text, where, what, advice] of wrong) {
  test(`refused with its place: ${name}`, () => {
    const error = failure(text);
    assert.equal(error.where, where);
    assert.match(error.what, what);
    assert.match(error.advice, advice);
  });
}

test('a text that is nested too deeply is refused like any other', () => {
  assert.match(failure('{"a":'.repeat(100_000)).what, /nested too deeply|not valid JSON/);
});

test('all problems of a file, and contradictions when there is no other', () => {
  const several = configProblems('{"version": 1, "training": {"bta": 1, "beta": -1}}', FILE);
  assert.deepEqual(
    several.map(({ field }) => field),
    ['training.bta', 'training.beta'],
  );
  assert.deepEqual(
    several.map(({ meant, bySchema }) => [meant, bySchema]),
    [
      ['beta', false],
      [undefined, true],
    ],
  );
  const text = '{"version": 1, "training": {"loss_type": "simpo",\n"sync_ref_model": true}}';
  const [contradiction, ...others] = configProblems(text, FILE);
  assert.deepEqual(others, []);
  assert.equal(contradiction!.field, 'training.sync_ref_model');
  assert.equal(text.slice(contradiction!.offset, contradiction!.offset + contradiction!.length), 'true');
  assert.equal(configProblems('{"version": 1, "eval_dataset": "e.jsonl"}', FILE)[0]!.field, 'training.eval_steps');
  const moments = '{"version": 1, "training": {"adam_moments": "bfloat16"}, "runner": {"backend": "cpu"}}';
  assert.equal(configProblems(moments, FILE)[0]!.field, 'training.adam_moments');
  assert.deepEqual(configProblems('{"version": 1, "preset": "quick"}', FILE), []);
});

test('any JSON is a config or a WishboneError', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.json(),
        fc.string(),
        fc.object().map((value) => JSON.stringify({ version: 1, ...value })),
      ),
      (text) => {
        try {
          parse(text);
        } catch (error) {
          assert.ok(error instanceof WishboneError, String(error));
        }
      },
    ),
  );
});

test('what a config has to say for options is what its preset does not; read again they are the same', () => {
  const quick = presetById('quick')!;
  const options = {
    plan: { ...quick.plan, max_steps: 9 },
    training: { ...quick.training, loss_type: ['ipo', 'sft'] as const },
    runner: DEFAULT_RUNNER,
  };
  const sections = sectionsOf(options, 'quick');
  assert.deepEqual(sections, { plan: { max_steps: 9 }, training: { loss_type: ['ipo', 'sft'] }, runner: {} });
  assert.deepEqual(resolveConfig(parse(configText({ preset: 'quick', ...sections }, '/work/configs'))), options);
});

test('a config that is written says the same when it is read', () => {
  const settings = {
    name: 'a "name"',
    preset: 'gentle',
    model: '/work/models/tiny',
    dataset: '/elsewhere/far/pairs.jsonl',
    plan: { max_steps: 7 },
    training: { loss_type: [...LOSS_TYPES].slice(0, 2), reference_model: '/work/configs/ref' },
    runner: {},
  };
  const comments = new Map([
    ['', ['made by a test']],
    ['training.loss_type', ['two lines\nin one', 'and another']],
  ]);
  const text = configText(settings, '/work/configs', comments);
  assert.equal(
    text,
    `// made by a test
{
  "version": 1,
  "name": "a \\"name\\"",
  "preset": "gentle",
  "model": "../models/tiny",
  "dataset": "../../elsewhere/far/pairs.jsonl",
  "plan": {
    "max_steps": 7
  },
  "training": {
    // two lines in one
    // and another
    "loss_type": ["sigmoid","hinge"],
    "reference_model": "ref"
  }
}
`,
  );
  const { model, dataset, plan, training } = parse(text);
  assert.deepEqual(
    { model, dataset, plan, training },
    {
      model: settings.model,
      dataset: [settings.dataset],
      plan: settings.plan,
      training: settings.training,
    },
  );
});

test('nesting without an end is one error, wherever it stands', () => {
  const deep = `${'['.repeat(3000)}${']'.repeat(3000)}`;
  for (const text of [
    deep,
    `{ "version": 1, "model": ${deep} }`,
    `{ "version": 1, "training": { "beta": ${'{"a":'.repeat(4000)}1${'}'.repeat(4000)} } }`,
    `{ "x": ${deep} }`,
  ])
    assert.ok(failure(text) instanceof WishboneError);
});
