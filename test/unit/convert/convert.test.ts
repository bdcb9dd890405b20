import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { configProblems, parseConfigFile, resolveConfig, type ConfigFile } from '../../../src/core/config-file/index.js';
import { convertConfig, convertedName, type ConvertedConfig } from '../../../src/core/convert/index.js';
import { WishboneError } from '../../../src/core/errors.js';
import { DEFAULT_PLAN, DEFAULT_TRAINING } from '../../../src/core/options/index.js';

const fixtures = path.resolve(import.meta.dirname, '../../fixtures/convert');
const repository = path.resolve(import.meta.dirname, '../../..');
const pairs = path.join(fixtures, 'data/pairs.jsonl');

function convert(name: string, devices?: number): { converted: ConvertedConfig; config: ConfigFile } {
  const file = path.join(fixtures, 'examples', name);
  return read(convertConfig(readFileSync(file, 'utf8'), file, convertedName(file), { devices: devices ?? 1 }), convertedName(file));
}

function convertText(text: string): { converted: ConvertedConfig; config: ConfigFile } {
  return read(convertConfig(text, path.join(fixtures, 'x.yaml'), path.join(fixtures, 'x.wishbone.json')), '/x.wishbone.json');
}

/** The result is always a config that can be used. */
function read(converted: ConvertedConfig, file: string): { converted: ConvertedConfig; config: ConfigFile } {
  assert.deepEqual(configProblems(converted.text, file), []);
  return { converted, config: parseConfigFile(converted.text, file) };
}

function notes({ notes }: ConvertedConfig, kind: string): string[] {
  return notes.filter((note) => note.kind === kind).map(({ line, name }) => `${line ?? '-'} ${name}`);
}

test('a TRL recipe: what it says, what it leaves to defaults, what is lost', () => {
  const { converted, config } = convert('trl-dpo.yaml', 2);
  assert.equal(converted.from, 'TRL');
  assert.deepEqual(config.dataset, [pairs]);
  assert.equal(config.model, undefined);
  assert.deepEqual(config.plan, { max_length: 1024, max_prompt_length: 512, batch_size: 64, epochs: 1, seed: 42 });
  assert.deepEqual(config.training, {
    loss_type: ['sigmoid', 'sft'],
    loss_weights: [1, 0.2],
    beta: 0.01,
    learning_rate: 5e-7,
    lr_scheduler_type: 'cosine',
    warmup_ratio: 0.1,
    save_steps: 100,
    save_minutes: 0,
    save_final: true,
    save_total_limit: 1,
    use_peft: true,
    lora_r: 16,
    lora_target_modules: ['q_proj', 'v_proj'],
  });
  assert.deepEqual(config.runner, { recompute: 'block' });
  assert.deepEqual(notes(converted, 'changed'), ['- lora_target_modules', '28 per_device_train_batch_size', '36 rpo_alpha']);
  assert.deepEqual(notes(converted, 'lost'), ['- lora_dropout', '2 model_name_or_path', '14 eval_steps', '26 optim']);
  assert.match(
    converted.text,
    /^\/\/ From trl-dpo.yaml \(TRL\)\.\n\/\/ Not carried over:\n\/\/ {3}by default, lora_dropout: .*\n\/\/ {3}line 2, model_name_or_path/,
  );
});

test('a TRL mixture with steps, warmup-stable-decay and a model folder', () => {
  const { converted, config } = convert('trl-mixture.yaml');
  assert.equal(config.model, path.join(repository, 'examples/tiny-llama'));
  assert.deepEqual(config.dataset, [pairs]);
  assert.deepEqual(config.plan, { batch_size: 32, max_steps: 300 });
  assert.deepEqual(config.training, {
    loss_type: ['sigmoid', 'bco_pair', 'sft'],
    loss_weights: [0.8, 0.2, 1],
    reference: 'precompute',
    learning_rate: 5e-6,
    lr_scheduler_type: 'warmup_stable_decay',
    warmup_ratio: 0,
    warmup_steps: 30,
    num_decay_steps: 60,
    min_lr_ratio: 0.1,
    save_steps: 0,
    save_minutes: 0,
    save_final: false,
    save_total_limit: 0,
    export_dtype: 'float32',
  });
  assert.deepEqual(config.runner, { backend: 'cpu' });
  // None of these losses takes it here.
  assert.deepEqual(notes(converted, 'lost'), ['14 label_smoothing']);
});

test('a LLaMA-Factory file: datasets by name, its own names and defaults', () => {
  const { converted, config } = convert('llama3_full_dpo.yaml');
  assert.equal(converted.from, 'LLaMA-Factory');
  assert.equal(config.model, path.join(repository, 'examples/tiny-llama'));
  assert.deepEqual(config.dataset, [`${path.join(fixtures, 'data/dataset_info.json')}#dpo_en_demo`]);
  assert.deepEqual(config.plan, { max_length: 4096, batch_size: 8, eval_fraction: 0.1 });
  assert.deepEqual(config.training, {
    loss_type: ['simpo', 'sft'],
    loss_weights: [1, 0.5],
    beta: 0.2,
    simpo_gamma: 1,
    learning_rate: 5e-6,
    lr_scheduler_type: 'cosine',
    warmup_ratio: 0.1,
    eval_steps: 500,
    save_steps: 500,
    save_minutes: 0,
    save_final: true,
    save_total_limit: 0,
  });
  assert.deepEqual(notes(converted, 'lost'), ['13 deepspeed', '16 dataset', '19 max_samples', '34 num_train_epochs']);
  assert.deepEqual(notes(converted, 'changed'), ['12 pref_ftx', '17 template', '18 cutoff_len', '31 per_device_train_batch_size']);
});

test("where a file says nothing, the result says its tool's default", () => {
  const trl = convertText('model_name_or_path: org/model');
  assert.deepEqual(trl.config.plan, { batch_size: 8, epochs: 3 });
  assert.equal(trl.config.training.learning_rate, 1e-6);
  assert.equal(trl.config.training.warmup_ratio, 0);
  assert.equal(trl.config.training.save_steps, 500);
  assert.equal(trl.config.training.save_total_limit, 0);
  const factory = convertText('stage: dpo\nfinetuning_type: full');
  assert.equal(factory.config.plan.max_length, 2048);
  assert.equal(factory.config.training.learning_rate, 5e-5);
});

test("LLaMA-Factory's adapter, and its defaults", () => {
  const { training } = convertText('stage: dpo\nlora_rank: 32\nlora_target: q_proj,v_proj\nuse_rslora: true').config;
  assert.equal(training.use_peft, true);
  assert.deepEqual([training.lora_r, training.lora_alpha, training.use_rslora], [32, 64, true]);
  assert.deepEqual(training.lora_target_modules, ['q_proj', 'v_proj']);
  const { training: byDefault } = convertText('stage: dpo\nlora_target: all').config;
  assert.deepEqual([byDefault.lora_r, byDefault.lora_alpha, byDefault.lora_target_modules], [8, 16, 'all-linear']);
});

test('a model is exported in the dtype that TRL loads it in', () => {
  const exported = (text: string): unknown => convertText(text).config.training.export_dtype;
  assert.equal(exported('loss_type: sigmoid'), 'float32');
  assert.equal(exported('dtype: bfloat16'), 'bfloat16');
  assert.equal(exported('torch_dtype: auto'), 'auto');
  assert.equal(exported('model_init_kwargs: {dtype: torch.float16}'), 'float16');
  // Adapters are float32 there whatever the model is in.
  assert.equal(exported('dtype: bfloat16\nuse_peft: true'), undefined);
  assert.equal(exported('stage: dpo\nfinetuning_type: full'), undefined);
  const bad = convertText('dtype: float8').converted.notes.find(({ name }) => name === 'dtype');
  assert.match(bad?.text ?? '', /export_dtype: expected "auto" or "float32"/);
});

test('losses and schedules by the names of other versions', () => {
  const training = (text: string): ConfigFile['training'] => convertText(text).config.training;
  assert.equal(training('loss_type: aot_pair').loss_type, 'aot_unpaired');
  assert.equal(training('cpo_alpha: 0.5').loss_type, 'cpo');
  assert.equal(training('loss_type: simpo\ncpo_alpha: 0').loss_type, 'simpo');
  const both = training('loss_type: simpo\nsimpo_gamma: 1');
  assert.deepEqual([both.loss_type, both.loss_weights, both.simpo_gamma], [['simpo', 'sft'], [1, 1], 1]);
  assert.deepEqual(training('loss_type: simpo\ncpo_alpha: 0.5').loss_weights, [1, 0.5]);
  assert.equal(training('pref_loss: orpo').loss_type, 'orpo');
  assert.equal(training('lr_scheduler_type: constant_with_warmup\nwarmup_ratio: 0.2').warmup_ratio, 0.2);
  // transformers has no warm-up with `constant`.
  assert.equal(training('lr_scheduler_type: constant\nwarmup_ratio: 0.2').warmup_ratio, 0);
  assert.equal(training('warmup_steps: 0.05').warmup_ratio, 0.05);
  assert.equal(training('learning_rate: "5e-7"').learning_rate, 5e-7);
});

interface TrlSettings {
  readonly common: Readonly<Record<string, unknown>>;
  readonly scripts: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly trainers: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}
const trl = JSON.parse(readFileSync(path.join(repository, 'src/core/convert/trl-settings.json'), 'utf8')) as TrlSettings;

test("a file of TRL's defaults loses nothing, and means what they mean", () => {
  const { ScriptArguments, ModelConfig } = trl.scripts;
  const { use_peft: _, ...model } = ModelConfig!;
  const settings = Object.entries({ ...trl.common, ...trl.trainers['DPO'], ...ScriptArguments, ...model });
  const adapters = /^(lora_|use_rslora|use_dora|bnb_)/;
  const text = settings
    .filter(([name]) => !adapters.test(name))
    .map(([name, value]) => `${name}: ${JSON.stringify(value)}`)
    .join('\n');
  const { converted, config } = convertText(text);
  assert.deepEqual(notes(converted, 'lost'), []);
  assert.deepEqual(notes(converted, 'assumed'), []);
  const { training, plan } = resolveConfig(config);
  assert.deepEqual(plan, { ...DEFAULT_PLAN, batch_size: 8, epochs: 3 });
  const theirs = { save_steps: 500, save_minutes: 0, save_final: true, save_total_limit: 0, warmup_ratio: 0, reference: 'in_step' };
  assert.deepEqual(training, { ...DEFAULT_TRAINING, ...theirs, export_dtype: 'float32' });
});

test("an option with the name of one of TRL's has its default", () => {
  // A sum of losses has none; the others are on purpose.
  const ours = [
    'loss_type',
    'loss_weights',
    'save_steps',
    'save_total_limit',
    'eval_steps',
    'metric_for_best_model',
    'ld_alpha',
    'warmup_steps',
  ];
  const same = Object.entries({ ...trl.common, ...trl.trainers['CPO'], ...trl.trainers['DPO'] }).filter(
    ([name]) => name in DEFAULT_TRAINING && !ours.includes(name),
  );
  assert.ok(same.length >= 19, String(same.length));
  for (const [name, value] of same) assert.deepEqual(DEFAULT_TRAINING[name as 'beta'], value, name);
});

test('what cannot be: each is one note with its line', () => {
  const lost = (text: string): string => convertText(text).converted.notes.find(({ kind }) => kind === 'lost')?.text ?? '';
  assert.match(lost('learning_rat: 1'), /did you mean "learning_rate"/);
  assert.match(lost('beta: -1'), /training.beta: expected a number above 0/);
  assert.match(lost('model_name_or_path: 7'), /not text/);
  assert.match(lost('bf16: 7'), /neither true nor false/);
  assert.match(lost('beta: much'), /not a number/);
  assert.match(lost('lr_scheduler_type: polynomial'), /expected "constant"/);
  assert.match(lost('truncation_mode: keep_end'), /start of a sequence/);
  assert.match(lost('stage: dpo\nfinetuning_type: full\nval_size: 0.1'), /an eval dataset is given, but eval_steps is 0/);
  assert.match(lost('use_peft: true\nuse_dora: true\nlora_dropout: 0'), /plain LoRA/);
});

test('no YAML, or one of something else, is one error with its line', () => {
  const error = (text: string): WishboneError => {
    try {
      convertText(text);
    } catch (thrown) {
      assert.ok(thrown instanceof WishboneError, String(thrown));
      return thrown;
    }
    assert.fail('accepted');
  };
  assert.match(error('a: 1\nb: [').where, /x\.yaml:\d/);
  assert.match(error('beta: 1\nbeta: 2').where, /x\.yaml:2/);
  assert.match(error('- a\n- b').what, /not a list of settings/);
  assert.match(error('').what, /not a list of settings/);
  assert.match(error('stage: sft').what, /not preferences/);
});

test('any YAML is converted, or is a WishboneError', () => {
  const names = [
    'beta',
    'loss_type',
    'max_steps',
    'num_train_epochs',
    'stage',
    'dataset',
    'warmup_ratio',
    'eval_steps',
    'lr_scheduler_kwargs',
    'loss_weights',
    'save_steps',
    'x',
  ];
  const value = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.integer(), fc.double(), fc.constantFrom('dpo', 'steps', 'sigmoid', null));
  const text = fc.oneof(
    fc.string(),
    fc.dictionary(fc.constantFrom(...names), value).map((settings) =>
      Object.entries(settings)
        .map(([name, of]) => `${name}: ${JSON.stringify(of) ?? 'null'}`)
        .join('\n'),
    ),
  );
  fc.assert(
    fc.property(text, (yaml) => {
      try {
        convertText(yaml);
      } catch (error) {
        assert.ok(error instanceof WishboneError, String(error));
      }
    }),
    { numRuns: 300 },
  );
});

test('report_to: trackers that are here are carried over, others are said', () => {
  const config = (text: string): unknown => convertText(text).config.reportTo;
  const about = (text: string): string[] =>
    convertText(text).converted.notes.flatMap(({ name, kind, text: note, line }) =>
      line === undefined ? [] : [`${name} ${kind}: ${note}`],
    );
  assert.deepEqual(config('beta: 0.1\nreport_to: mlflow'), ['mlflow']);
  assert.deepEqual(config('beta: 0.1\nreport_to: [tensorboard, wandb, mlflow]'), ['mlflow', 'wandb']);
  assert.equal(config('beta: 0.1\nreport_to: none'), undefined);
  assert.match(about('beta: 0.1\nreport_to: [comet_ml, wandb]').join(), /report_to lost: a run cannot be sent to comet_ml/);
  assert.match(about('beta: 0.1\nreport_to: all').join(), /report_to lost: name those that are meant: mlflow, trackio, wandb/);
  assert.match(about('beta: 0.1\nreport_to: trackio\nproject: mine').join(), /project lost: .*TRACKIO_PROJECT to mine/);
});
