import type { TrainingOptions } from '../options/index.js';
import { convertTrlAdapter } from './adapter.js';
import type { Conversion } from './conversion.js';
import { convertLength } from './length.js';
import { convertDataset, convertModel } from './models.js';
import type { Source } from './recognise.js';
import { convertTrainingArguments, TRAINING_ARGUMENTS } from './training-arguments.js';
import { convertCpoLosses, convertDpoLosses, convertOrpoLoss, convertSimpoLoss } from './trl-losses.js';

/** Options of `DPOConfig` that are options here, under the same names. */
const DPO = [
  'beta',
  'f_divergence_type',
  'f_alpha_divergence_coef',
  'ld_alpha',
  'use_weighting',
  'discopop_tau',
  'label_smoothing',
  'sync_ref_model',
  'ref_model_mixup_alpha',
  'ref_model_sync_steps',
] as const satisfies readonly (keyof TrainingOptions)[];

const SAME = {
  'trl-dpo': DPO,
  'trl-orpo': ['beta'],
  'trl-cpo': ['beta', 'label_smoothing', 'simpo_gamma'],
  simpo: ['label_smoothing'],
} as const;
type TrlSource = keyof typeof SAME;

/** Settings of TRL's scripts that are known here, for slips of the pen. */
export const TRL_NAMES: readonly string[] = [
  ...DPO,
  ...['simpo_gamma', 'cpo_alpha', 'rpo_alpha', 'loss_type', 'loss_weights', 'max_length', 'max_prompt_length', 'truncation_mode'],
  ...['precompute_ref_log_probs', 'model_name_or_path', 'dataset_name'],
  ...['use_peft', 'lora_r', 'lora_alpha', 'lora_dropout', 'lora_target_modules', 'use_rslora'],
  ...TRAINING_ARGUMENTS,
];

/** Carries over a YAML of TRL's scripts: `ScriptArguments`, `ModelConfig` and the trainer's config in one. */
export function convertTrl(conversion: Conversion, source: Exclude<Source, 'llama-factory'>): void {
  convertModel(conversion, 'model_name_or_path', 'model');
  if (source === 'trl-dpo') convertModel(conversion, 'ref_model_name_or_path', 'training.reference_model');
  convertDataset(conversion, 'dataset_name', 'dataset');
  losses(conversion, source);
  for (const name of SAME[source]) conversion.carry(name, `training.${name}`);
  // SimPO's reads null as 512 and 128, with a warning.
  convertLength(conversion, 'max_length', source === 'simpo' ? 512 : 1024, source === 'simpo' ? 512 : 'none');
  if (source === 'simpo' && !conversion.has('max_prompt_length')) conversion.set('plan.max_prompt_length', 128, 'max_prompt_length');
  conversion.carry('max_prompt_length', 'plan.max_prompt_length');
  if (conversion.has('max_completion_length'))
    conversion.lost('max_completion_length', 'limits exist for the prompt and the whole sequence only: max_prompt_length, max_length');
  const truncation = conversion.take('truncation_mode');
  if (truncation !== undefined && truncation !== 'keep_start')
    conversion.lost('truncation_mode', 'the start of a sequence is kept and its end cut off; max_prompt_length cuts the start of a prompt');
  if (source === 'trl-dpo') reference(conversion);
  // Of a dataset on the Hub.
  for (const split of ['train', 'test']) {
    const name = `dataset_${split}_split`;
    const value = conversion.take(name) ?? split;
    if (value !== split) conversion.lost(name, 'the dataset is the whole file');
  }
  dropout(conversion);
  convertTrlAdapter(conversion);
  exported(conversion);
  convertTrainingArguments(conversion, source === 'simpo' ? 'simpo' : 'trl');
}

function losses(conversion: Conversion, source: TrlSource): void {
  if (source === 'trl-dpo') convertDpoLosses(conversion);
  else if (source === 'trl-orpo') convertOrpoLoss(conversion);
  else if (source === 'trl-cpo') convertCpoLosses(conversion);
  else convertSimpoLoss(conversion);
}

function reference(conversion: Conversion): void {
  if (conversion.has('precompute_ref_log_probs')) {
    const precompute = conversion.takeFlag('precompute_ref_log_probs');
    conversion.set('training.reference', precompute ? 'precompute' : 'in_step', 'precompute_ref_log_probs');
  }
  if (conversion.get('training.sync_ref_model') === true) conversion.set('training.reference', 'in_step', 'sync_ref_model');
}

/**
 * There a model is saved in the dtype that it was loaded in, float32 unless the file says otherwise. PEFT makes adapters of a model in
 * half precision in float32, so the setting says nothing of them.
 */
function exported(conversion: Conversion): void {
  if (conversion.get('training.use_peft') === true) return;
  const loading = ofLoading(conversion);
  const own = conversion.has('torch_dtype') ? 'torch_dtype' : 'dtype';
  const value = conversion.take(own);
  const name = value === undefined && loading !== undefined ? 'model_init_kwargs' : own;
  const dtype = value ?? loading ?? 'float32';
  conversion.set('training.export_dtype', typeof dtype === 'string' ? dtype.replace(/^torch\./, '') : dtype, name);
}

/** The dtype that keyword arguments for loading name; the rest of them is spoken for elsewhere (rest.ts). */
function ofLoading(conversion: Conversion): unknown {
  const given = conversion.peek('model_init_kwargs');
  if (typeof given !== 'object' || given === null) return undefined;
  const { dtype, torch_dtype: older } = given as Readonly<Record<string, unknown>>;
  return dtype ?? older ?? undefined;
}

function dropout(conversion: Conversion): void {
  if (!conversion.has('disable_dropout') || conversion.takeFlag('disable_dropout')) return;
  conversion.lost('disable_dropout', 'dropout is always off, whatever the model config says');
}
