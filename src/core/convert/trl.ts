import { LOSS_TYPES } from '../run/config.js';
import { convertTrlAdapter } from './adapter.js';
import type { Conversion } from './conversion.js';
import { convertDataset, convertModel } from './models.js';
import { convertTrainingArguments } from './training-arguments.js';

/** Options of `DPOConfig`, `CPOConfig` and `ORPOConfig` that are options here, under the same names. */
const SAME = [
  'beta',
  'f_divergence_type',
  'f_alpha_divergence_coef',
  'ld_alpha',
  'use_weighting',
  'discopop_tau',
  'simpo_gamma',
  'cpo_alpha',
  'label_smoothing',
  'sync_ref_model',
  'ref_model_mixup_alpha',
  'ref_model_sync_steps',
] as const;

/** Settings of TRL's scripts that are known here, for slips of the pen. */
export const TRL_NAMES: readonly string[] = [
  ...SAME,
  ...['loss_type', 'loss_weights', 'max_length', 'precompute_ref_log_probs', 'model_name_or_path', 'dataset_name'],
  ...['per_device_train_batch_size', 'gradient_accumulation_steps', 'num_train_epochs', 'max_steps', 'learning_rate'],
  ...['lr_scheduler_type', 'warmup_ratio', 'warmup_steps', 'weight_decay', 'adam_beta1', 'adam_beta2', 'adam_epsilon'],
  ...['use_peft', 'lora_r', 'lora_alpha', 'lora_target_modules', 'use_rslora'],
  ...['max_grad_norm', 'eval_strategy', 'eval_steps', 'save_strategy', 'save_steps', 'save_total_limit', 'seed', 'optim'],
];

/** Carries over a YAML of TRL's scripts: `ScriptArguments`, `ModelConfig` and `DPOConfig` (or CPO's, ORPO's) in one. */
export function convertTrl(conversion: Conversion): void {
  convertModel(conversion, 'model_name_or_path', 'model');
  convertModel(conversion, 'ref_model_name_or_path', 'training.reference_model');
  convertDataset(conversion, 'dataset_name', 'dataset');
  losses(conversion);
  for (const name of SAME) conversion.carry(name, `training.${name}`);
  if (conversion.get('training.loss_type') !== 'cpo') conversion.remove('training.cpo_alpha');
  conversion.carry('max_length', 'plan.max_length');
  conversion.carry('max_prompt_length', 'plan.max_prompt_length');
  if (conversion.has('max_completion_length'))
    conversion.lost('max_completion_length', 'only prompt and whole sequence have limits: max_prompt_length, max_length');
  const truncation = conversion.take('truncation_mode');
  if (truncation !== undefined && truncation !== 'keep_start')
    conversion.lost('truncation_mode', 'the start of a sequence is kept, its end cut off');
  if (conversion.has('precompute_ref_log_probs')) {
    const precompute = conversion.takeFlag('precompute_ref_log_probs');
    conversion.set('training.reference', precompute ? 'precompute' : 'in_step', 'precompute_ref_log_probs');
  }
  if (conversion.get('training.sync_ref_model') === true) conversion.set('training.reference', 'in_step', 'sync_ref_model');
  // Of a dataset on the Hub.
  for (const split of ['train', 'test']) {
    const name = `dataset_${split}_split`;
    const value = conversion.take(name) ?? split;
    if (value !== split) conversion.lost(name, 'the dataset is the whole file');
  }
  convertTrlAdapter(conversion);
  convertTrainingArguments(conversion, 1e-6);
}

/** `loss_type` and `loss_weights`, and what earlier versions called otherwise. */
function losses(conversion: Conversion): void {
  const given = conversion.take('loss_type') ?? 'sigmoid';
  if (conversion.has('cpo_alpha') || conversion.has('simpo_gamma') || given === 'simpo') return lossOfCpo(conversion, given);
  const weights = conversion.take('loss_weights');
  const names = [given].flat().map((loss) => {
    if (loss !== 'aot_pair') return loss;
    conversion.changed('loss_type', '"aot_pair" is called "aot_unpaired" in TRL by now');
    return 'aot_unpaired';
  });
  const unknown = names.find((loss) => !(LOSS_TYPES as readonly unknown[]).includes(loss));
  if (unknown !== undefined) {
    const what = `there is no loss ${JSON.stringify(unknown)} for pairs`;
    return conversion.lost('loss_type', `${what}; known: ${LOSS_TYPES.join(', ')}`);
  }
  const rpo = conversion.takeNumber('rpo_alpha');
  if (rpo !== undefined && weights === undefined) {
    conversion.set('training.loss_type', [...names, 'sft'], 'rpo_alpha');
    conversion.set('training.loss_weights', [...names.map(() => 1), rpo], 'rpo_alpha');
    return conversion.changed('rpo_alpha', 'a sum of losses: loss_type with "sft", weighted by loss_weights');
  }
  conversion.set('training.loss_type', names.length === 1 ? names[0] : names, 'loss_type');
  if (weights !== undefined) conversion.set('training.loss_weights', weights, 'loss_weights');
}

/** The file is one for `CPOTrainer`, whose losses compare with no reference and whose likelihood has a weight of its own. */
function lossOfCpo(conversion: Conversion, loss: unknown): void {
  if (loss === 'sigmoid') {
    conversion.set('training.loss_type', 'cpo', 'loss_type');
    return conversion.changed('loss_type', 'loss_type "cpo": the trainer was CPO, as its options say');
  }
  if (loss !== 'simpo')
    return conversion.lost('loss_type', `CPO's ${JSON.stringify(loss)} compares with no reference; here are "cpo" and "simpo"`);
  const alpha = conversion.takeNumber('cpo_alpha') ?? 1;
  if (alpha === 0) return conversion.set('training.loss_type', 'simpo', 'loss_type');
  conversion.set('training.loss_type', ['simpo', 'sft'], 'loss_type');
  conversion.set('training.loss_weights', [1, alpha], 'cpo_alpha');
  const why = conversion.has('cpo_alpha') ? '' : ": TRL's cpo_alpha is 1 unless given";
  conversion.changed('loss_type', `a sum of "simpo" and "sft", weighted by loss_weights${why}`);
}
