import assert from 'node:assert/strict';
import { test } from 'node:test';
import { convertConfig, recogniseConfig } from '../../../src/core/convert/index.js';
import trl from '../../../src/core/convert/trl-settings.json';
import { TRL_TRAINERS } from '../../../src/core/convert/trl-trainers.js';
import { convertText, refusal, yaml } from './support.js';

const own = trl.trainers as Readonly<Record<string, Readonly<Record<string, unknown>>>>;

function assumption(text: string, name?: string): string | undefined {
  return convertText(text, {}, name).converted.notes.find(({ kind }) => kind === 'assumed')?.text;
}
const from = (text: string, name?: string): string => convertText(text, {}, name).converted.from;

test("every trainer of TRL is known: a file of its config's settings is carried over, or refused by its name", () => {
  const known = new Set(TRL_TRAINERS.map(({ name }) => name));
  for (const [name, settings] of Object.entries(own)) {
    assert.ok(known.has(name), name);
    const text = yaml(settings);
    if (['DPO', 'CPO', 'ORPO'].includes(name)) {
      // ORPO's are some of DPO's and of CPO's earlier ones: its name says which.
      assert.equal(recogniseConfig(text, `/x/${name}.yaml`).source, `trl-${name.toLowerCase()}`);
    } else {
      const { what, where } = refusal(text);
      assert.match(what, new RegExp(`^the file is for .*\\b${name}\\b.* of TRL`), name);
      assert.match(where, /x\.yaml(:\d+, field \w+)?$/);
    }
  }
});

test('trainers of other versions, and by one telling setting', () => {
  for (const [text, name] of [
    ['num_generations: 8', 'GRPO'],
    ['desirable_weight: 1.0\nbeta: 0.1', 'KTO'],
    ['undesirable_weight: 1.33', 'KTO'],
    ['loss_type: kto\nbeta: 0.1', 'KTO'],
    ['loss_type: apo_zero_unpaired', 'KTO'],
    ['loss_type: dr_grpo', 'GRPO'],
    ['packing: true\nmax_length: 2048', 'SFT'],
    ['max_seq_length: 2048', 'SFT'],
    ['assistant_only_loss: true', 'SFT'],
    ['center_rewards_coefficient: 0.01', 'Reward'],
    ['num_ppo_epochs: 4\nkl_coef: 0.05\nreward_model_path: x\ncliprange: 0.2', 'PPO'],
    ['rloo_k: 2', 'RLOO'],
    ['lmbda: 0.5\nseq_kd: true', 'GKD'],
    ['mixture_coef: 0.5', 'NashMD'],
    ['reward_model_path: x\nmax_new_tokens: 64\njudge: pair_rm', 'OnlineDPO|NashMD|XPO'],
    ['min_density_ratio: 0.5\nbeta: 0.1', 'BCO'],
    ['step_separator: "\\n"', 'PRM'],
    ['tpo_alpha: 1', 'TPO'],
    ['teacher_model_name_or_path: x', 'GKD|GOLD|Distillation'],
  ] as const) {
    const { what, where, advice } = refusal(`model_name_or_path: x\nlearning_rate: 1e-6\n${text}`);
    assert.match(what, new RegExp(`the file is for .*(${name})`), text);
    assert.match(where, /x\.yaml:\d+, field /, text);
    assert.match(advice, /--from/);
  }
});

test('a file whose settings fit several trainers says for which it was taken, and why', () => {
  const few = 'beta: 0.1\nmax_length: 512';
  assert.match(assumption(few) ?? '', /nothing in the file says.*ORPO's and CPO's.*assumed to be TRL's DPO.*--from/);
  assert.equal(from(few), 'TRL');
  // By its name, its folder, a comment, where the results go.
  assert.equal(from(few, 'orpo.yaml'), 'TRL, ORPO');
  assert.equal(from(few, 'orpo/config.yaml'), 'TRL, ORPO');
  assert.equal(from(`# ORPOTrainer arguments\n${few}`), 'TRL, ORPO');
  assert.equal(from(`# accelerate launch examples/scripts/cpo.py --config x.yaml\n${few}`), 'TRL, CPO');
  assert.equal(from(`${few}\noutput_dir: out/qwen-orpo`), 'TRL, ORPO');
  assert.match(assumption(`${few}\noutput_dir: out/qwen-orpo`) ?? '', /assumed to be ORPO, as output_dir says/);
  // The plainer statement counts; one that names two says nothing.
  assert.equal(from(`# DPO trainer config\n${few}`, 'orpo.yaml'), 'TRL');
  assert.equal(from(few, 'orpo-dpo.yaml'), 'TRL');
  assert.match(assumption(few, 'orpo-dpo.yaml') ?? '', /nothing in the file says/);
  // Models and datasets have names of trainers for other reasons.
  assert.equal(from(`${few}\nmodel_name_or_path: zephyr-7b-sft\ndataset_name: x/orpo-mix`), 'TRL');
  // What it says of itself can also refuse it.
  assert.match(refusal('model_name_or_path: x\nmax_length: 2048', 'sft.yaml').what, /SFT of TRL, as the file's name says/);
  assert.match(refusal(few, 'kto.yaml').what, /KTO/);
  // But not against its settings.
  assert.equal(from('beta: 0.1\nld_alpha: 0.5', 'sft.yaml'), 'TRL');
  // And who says it is believed.
  assert.equal(convertText(few, { from: 'trl-cpo' }).converted.from, 'TRL, CPO');
  assert.equal(
    convertText(few, { from: 'trl-cpo' }).converted.notes.find(({ kind }) => kind === 'assumed'),
    undefined,
  );
});

test('settings that only one trainer has need no assumption', () => {
  for (const [text, label] of [
    ['loss_type: [sigmoid, sft]', 'TRL'],
    ['loss_type: apo_zero', 'TRL'],
    ['rpo_alpha: 1.0', 'TRL'],
    ['f_divergence_type: js_divergence', 'TRL'],
    ['cpo_alpha: 0.5', 'TRL, CPO'],
    ['loss_type: simpo', 'TRL, CPO'],
    ['loss_type: orpo', 'TRL, ORPO'],
    ['beta: 2.5\ngamma_beta_ratio: 0.5', 'SimPO'],
    ['stage: dpo\npref_loss: orpo', 'LLaMA-Factory'],
  ] as const) {
    assert.equal(from(text), label, text);
    assert.equal(assumption(text), undefined, text);
  }
});

test('ORPO, CPO and SimPO mean their own losses and defaults', () => {
  const training = (text: string, name?: string): Readonly<Record<string, unknown>> => convertText(text, {}, name).config.training as never;
  assert.equal(training('beta: 0.1\nmax_length: 512', 'orpo.yaml')['loss_type'], 'orpo');
  assert.equal(training('cpo_alpha: 0.5')['loss_type'], 'cpo');
  assert.equal(training('cpo_alpha: 0.5')['cpo_alpha'], 0.5);
  assert.equal(training('beta: 0.1', 'cpo.yaml')['loss_type'], 'cpo');
  const simpo = training('gamma_beta_ratio: 0.55\nbeta: 2.5\nloss_type: sigmoid');
  assert.deepEqual([simpo['loss_type'], simpo['beta'], simpo['simpo_gamma'], simpo['learning_rate']], ['simpo', 2.5, 1.375, 5e-5]);
  const likelihood = training('gamma_beta_ratio: 0.5\nbeta: 2\nsft_weight: 0.1');
  assert.deepEqual(
    [likelihood['loss_type'], likelihood['loss_weights']],
    [
      ['simpo', 'sft'],
      [1, 0.1],
    ],
  );
  assert.equal(training('reference_free: true')['loss_type'], 'cpo');
  assert.equal(training('reference_free: true')['cpo_alpha'], 0);
  const beside = training('loss_type: [sigmoid, bco_pair]\nloss_weights: [0.8, 0.2]\nrpo_alpha: 0.5');
  assert.deepEqual(
    [beside['loss_type'], beside['loss_weights']],
    [
      ['sigmoid', 'bco_pair', 'sft'],
      [0.8, 0.2, 0.5],
    ],
  );
  // Where its trainer does otherwise, that is said.
  const said = (text: string, name?: string): string =>
    convertText(text, {}, name)
      .converted.notes.map(({ text }) => text)
      .join('\n');
  assert.match(said('beta: 0.1', 'orpo.yaml'), /those of the prompt too in TRL.*coming-from-trl/);
  for (const text of ['cpo_alpha: 1', 'loss_type: simpo', 'gamma_beta_ratio: 1']) assert.match(said(text), /another rule.*coming-from-trl/);
  for (const text of ['loss_type: [ipo]', 'loss_type: sigmoid_norm']) assert.match(said(text), /one token more.*coming-from-trl/);
});

test('a loss that is not here is refused with its line, not trained as another', () => {
  for (const text of [
    'ld_alpha: 0.5\nloss_type: kto_pair',
    'ld_alpha: 0.5\nloss_type: mystery',
    'cpo_alpha: 1\nloss_type: ipo',
    'cpo_alpha: 1\nloss_type: hinge',
    'loss_type: alphapo',
    'cpo_alpha: 0.0\nalpha: 0.25',
    'gamma_beta_ratio: 0.5\nloss_type: hinge',
    'stage: dpo\npref_loss: kto_pair',
    'stage: dpo\nfinetuning_type: freeze',
    'stage: dpo\nfinetuning_type: oft',
    'reference_free: true\nloss_type: ipo',
    'rpo_alpha: 0.5\nloss_weights: [1, 1]',
  ])
    assert.match(refusal(text).where, /x\.yaml:\d, field (loss_type|alpha|pref_loss|finetuning_type|reference_free|rpo_alpha)/, text);
});

test("LLaMA-Factory's stages: dpo, or refused by name; none means sft there", () => {
  for (const stage of ['sft', 'pt', 'rm', 'ppo', 'kto', 'simpo'])
    assert.match(refusal(`stage: ${stage}\npref_beta: 0.1`).what, new RegExp(`"${stage}", not preferences`));
  assert.match(refusal('finetuning_type: lora\ntemplate: qwen\ncutoff_len: 1024').what, /no stage.*default of LLaMA-Factory is "sft"/);
  assert.match(assumption('pref_loss: simpo\ntemplate: qwen') ?? '', /assumed to be "stage: dpo"/);
});

test('files of other tools are refused by their names', () => {
  for (const [text, name] of [
    ['base_model: x\nadapter: lora\ndatasets:\n  - path: y\n    type: alpaca', /Axolotl \(without rl/],
    ['base_model: x\nrl: dpo\nmicro_batch_size: 2', /Axolotl \(rl: dpo\)/],
    ['base_model: x\nrl: orpo\norpo_alpha: 0.1\nsequence_len: 4096', /Axolotl \(rl: orpo\)/],
    ['base_model: x\nrl: kto\nlearning_rate: 1e-5\nnum_epochs: 1', /Axolotl \(rl: kto\)/],
    ['compute_environment: LOCAL_MACHINE\ndistributed_type: MULTI_GPU\nnum_processes: 8', /accelerate/],
    ['{"zero_optimization": {"stage": 3}, "bf16": {"enabled": "auto"}}', /DeepSpeed/],
    [
      'model:\n  _component_: torchtune.models.x\nloss:\n  _component_: torchtune.rlhf.loss.DPOLoss',
      /torchtune \(loss: torchtune.rlhf.loss.DPOLoss\)/,
    ],
    ['pretrain: x\nchosen_key: chosen\nbeta: 0.1', /OpenRLHF/],
    ['dpo:\n  reference_policy_kl_penalty: 0.05\npolicy:\n  model_name: x', /NeMo RL/],
    ['trainer:\n  devices: 8\nexp_manager:\n  name: x\nmodel:\n  dpo:\n    ref_policy_kl_penalty: 0.2', /NeMo$/],
    ['rlhf_type: dpo\nmodel: x\nbeta: 0.1', /ms-swift/],
    ['actor_rollout_ref:\n  model: x\ndata:\n  train_files: y', /verl/],
    ['model_name: unsloth/x\nmax_seq_length: 2048\nload_in_4bit: true\nr: 16', /Unsloth/],
    ['model_name_or_path: x\nrandom_state: 3407\nuse_gradient_checkpointing: unsloth', /Unsloth/],
    ['fine_tune_type: lora\nmodel: x\ntrain: true\ndata: y\niters: 100', /MLX/],
    ['architectures: [LlamaForCausalLM]\nmodel_type: llama\nhidden_size: 64', /config\.json/],
    ['peft_type: LORA\nr: 8', /adapter_config/],
    ['version: 1\nplan: {}\ntraining: {}', /run config of Wishbone/],
    ['{"prompt": "a", "chosen": "b", "rejected": "c"}', /row of a dataset/],
    ['services:\n  web:\n    image: x', /none of its settings/],
    ['peft_config: {name: lora}\nmodel: x\ntrain_dataset: y\ncutoff_len: 1', /version 1/],
  ] as const) {
    const error = refusal(text);
    assert.match(error.what, name, text);
    assert.ok(error.advice.length > 10);
  }
});

test('a JSON file is one too', () => {
  const { from } = convertConfig('{"stage": "dpo", "pref_beta": 0.2}', '/x/dpo.json', '/x/dpo.wishbone.json');
  assert.equal(from, 'LLaMA-Factory');
});
