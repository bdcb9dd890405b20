import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import llamaFactory from '../../../src/core/convert/llama-factory-settings.json';
import type { Source } from '../../../src/core/convert/index.js';
import trl from '../../../src/core/convert/trl-settings.json';
import { WishboneError } from '../../../src/core/errors.js';
import { convertText, yaml } from './support.js';

type Settings = Readonly<Record<string, unknown>>;

/** What a setting may say instead of its default. */
function others(name: string, value: unknown): readonly unknown[] {
  // What only one value of it would show.
  const known: Readonly<Record<string, readonly unknown[]>> = {
    eval_strategy: ['steps', 'epoch'],
    save_strategy: ['no', 'epoch'],
    optim: ['sgd', 'adamw_bnb_8bit'],
    lr_scheduler_type: ['cosine', 'polynomial'],
    loss_type: ['ipo', ['sigmoid', 'sft']],
    f_divergence_type: ['forward_kl', 'tv'],
    truncation_mode: ['keep_end'],
    metric_for_best_model: ['eval_loss', 'eval_rouge'],
    lora_task_type: ['SEQ_CLS'],
    train_sampling_strategy: ['sequential'],
    finetuning_type: ['full'],
    pref_loss: ['ipo'],
    run_name: ['harbor'],
    model_init_kwargs: [{ attention_dropout: 0.1 }],
    lr_scheduler_kwargs: [{ num_cycles: 2 }],
    lora_target_modules: [['k_proj'], 'all-linear'],
  };
  if (name in known) return known[name] as readonly unknown[];
  if (typeof value === 'boolean') return [!value];
  if (typeof value === 'number') return [value + 1, value / 3 + 0.25];
  if (typeof value === 'string') return [`${value}x`, 'other'];
  if (Array.isArray(value)) return [['x']];
  return [3, true, 'x', ['x']];
}

/** What else must be said for a setting to mean anything. */
const BESIDE: Readonly<Record<string, Settings>> = {
  eval_steps: { eval_strategy: 'steps' },
  load_best_model_at_end: { eval_strategy: 'steps' },
  metric_for_best_model: { eval_strategy: 'steps' },
  val_size: { eval_strategy: 'steps' },
  early_stopping_steps: { eval_strategy: 'steps', val_size: 0.1 },
};

/**
 * Whatever a setting says, it is in the result or in the report: nothing is dropped silently.
 *
 * @returns in which of the lists it was found: carried over, said not to be (lost or changed), without effect
 */
function fate(name: string, value: unknown, source: Source, base: Settings): string {
  const beside = { ...base, ...BESIDE[name] };
  let result;
  try {
    result = convertText(yaml({ ...beside, [name]: value }), { from: source });
  } catch (error) {
    assert.ok(error instanceof WishboneError && error.where.endsWith(`field ${name}`), String(error));
    return 'refused';
  }
  const { converted, config } = result;
  const note = converted.notes.find((one) => one.name === name && one.line !== undefined);
  if (note !== undefined) return note.kind;
  const { config: without } = convertText(yaml(Object.fromEntries(Object.entries(beside).filter(([key]) => key !== name))), {
    from: source,
  });
  assert.notDeepEqual(config, without, `${name}: ${JSON.stringify(value)} is neither in the result nor in the report`);
  return 'carried';
}

function everySetting(settings: Settings, source: Source, base: Settings): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  for (const [name, value] of Object.entries(settings)) {
    found.set(
      name,
      others(name, value).map((other) => fate(name, other, source, base)),
    );
    // PEFT's default dropout is lost too, with or without a word.
    if (name === 'lora_dropout') continue;
    // Its default asks for nothing more than it has without a word.
    const silent = convertText(yaml({ ...base, [name]: value }), { from: source }).converted.notes;
    assert.ok(
      !silent.some((note) => note.name === name && note.kind === 'lost' && note.line !== undefined),
      `${name}: ${JSON.stringify(value)}`,
    );
  }
  return found;
}

const scripts = Object.assign({}, ...Object.values(trl.scripts)) as Settings;
const own = trl.trainers as Readonly<Record<string, Settings>>;

for (const [name, source] of [
  ['DPO', 'trl-dpo'],
  ['ORPO', 'trl-orpo'],
  ['CPO', 'trl-cpo'],
] as const) {
  test(`every setting of TRL's ${name}, its model and its dataset is in one of three lists`, () => {
    const found = everySetting({ ...trl.common, ...scripts, ...own[name] }, source, { use_peft: true, lora_dropout: 0 });
    assert.ok(found.size > 120, String(found.size));
    for (const kind of ['carried', 'lost', 'changed', 'needless']) assert.ok([...found.values()].flat().includes(kind), kind);
    for (const carried of ['beta', 'learning_rate', 'seed', 'weight_decay', 'lora_r', 'save_steps'])
      assert.ok(found.get(carried)?.includes('carried'), `${carried}: ${String(found.get(carried))}`);
    for (const lost of ['load_in_4bit', 'use_dora', 'neftune_noise_alpha', 'lora_dropout'])
      assert.ok(found.get(lost)?.includes('lost'), `${lost}: ${String(found.get(lost))}`);
  });
}

test('a setting of any other trainer of TRL is said to be one, in a file for DPO', () => {
  let count = 0;
  for (const settings of Object.values(own)) {
    for (const [name, value] of Object.entries(settings)) {
      if (name in own['DPO']! || name in trl.common || name in scripts) continue;
      // Of ORPO, CPO and earlier versions; there it has a meaning.
      if (name in own['CPO']! || name in own['ORPO']! || name === 'max_prompt_length') continue;
      for (const other of others(name, value)) {
        const { notes } = convertText(yaml({ [name]: other }), { from: 'trl-dpo' }).converted;
        const note = notes.find((one) => one.name === name);
        assert.ok(note !== undefined && (note.kind === 'lost' || note.kind === 'needless'), name);
        assert.ok(!note.text.startsWith('unknown setting'), name);
        count++;
      }
    }
  }
  assert.ok(count > 150, String(count));
});

test('every setting of LLaMA-Factory is in one of three lists', () => {
  const settings = Object.assign({}, ...Object.values(llamaFactory.settings)) as Settings;
  const { stage: _, ...rest } = settings;
  const found = everySetting({ ...trl.common, ...rest }, 'llama-factory', { stage: 'dpo', bf16: true });
  assert.ok(found.size > 300, String(found.size));
  for (const carried of ['pref_beta', 'lora_rank', 'val_size', 'early_stopping_steps'])
    assert.ok(found.get(carried)?.includes('carried'), `${carried}: ${String(found.get(carried))}`);
  for (const lost of ['quantization_bit', 'max_samples', 'use_badam', 'enable_thinking'])
    assert.ok(found.get(lost)?.includes('lost'), `${lost}: ${String(found.get(lost))}`);
});

test('null is said where it means something, and where it is no value', () => {
  const note = (text: string): string => {
    const [found] = convertText(text, { from: 'trl-dpo' }).converted.notes.filter(({ line }) => line !== undefined);
    return `${found?.kind}: ${found?.text}`;
  };
  assert.match(note('max_length: null'), /^changed: no limit there/);
  assert.equal(convertText('max_length: null', { from: 'trl-dpo' }).config.plan.max_length, 2 ** 20);
  assert.match(note('max_grad_norm: null'), /^changed: 0/);
  assert.match(note('beta: null'), /^lost: null is not a value: treated as absent, 0\.1/);
  assert.match(note('warmup_steps: null'), /^lost: null is not a value/);
  // Their default.
  for (const name of ['loss_weights', 'ld_alpha', 'save_total_limit', 'eval_steps', 'rpo_alpha'])
    assert.equal(note(`${name}: null`), 'undefined: undefined', name);
});

test('words and numbers as YAML 1.1 has them, which Python reads', () => {
  const { config } = convertText(
    'use_peft: yes\nlora_target_modules: all-linear\nuse_rslora: on\nmax_length: 2_048\nlearning_rate: 5e-7\nbeta: "0.2"',
    {
      from: 'trl-dpo',
    },
  );
  assert.deepEqual([config.training.use_peft, config.training.use_rslora, config.plan.max_length], [true, true, 2048]);
  assert.deepEqual([config.training.learning_rate, config.training.beta], [5e-7, 0.2]);
  const merged = convertText('<<: { beta: 0.3, learning_rate: 1e-5 }\nlearning_rate: 5e-7', { from: 'trl-dpo' });
  assert.deepEqual([merged.config.training.beta, merged.config.training.learning_rate], [0.3, 5e-7]);
});

test("LLaMA-Factory's adapter to go on from decides its shape itself; several, or a new one above it, are merged first", () => {
  const from = (text: string): ReturnType<typeof convertText> => convertText(`stage: dpo\nadapter_name_or_path: data${text}`);
  const { converted, config } = from('\nlora_rank: 64\nlora_target: q_proj');
  assert.equal(path.basename(config.training.adapter_name_or_path ?? ''), 'data');
  assert.equal(config.training.adapter_reference, 'base');
  assert.equal(config.training.use_peft, true);
  assert.deepEqual([config.training.lora_r, config.training.lora_target_modules], [undefined, undefined]);
  assert.deepEqual(
    converted.notes.filter(({ name }) => name.startsWith('lora_')).map(({ kind }) => kind),
    ['needless', 'needless'],
  );
  for (const text of [',other', '\ncreate_new_adapter: true']) {
    const lost = from(text).converted.notes.find(({ name }) => name === 'adapter_name_or_path');
    assert.match(`${lost?.kind}: ${lost?.text}`, /^lost: merge these adapters/);
  }
});
