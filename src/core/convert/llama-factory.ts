import { readFileSync } from 'node:fs';
import path from 'node:path';
import { WishboneError } from '../errors.js';
import { convertLlamaFactoryAdapter } from './adapter.js';
import type { Conversion } from './conversion.js';
import { convertModel } from './models.js';
import { convertTrainingArguments } from './training-arguments.js';

/** Settings that only LLaMA-Factory has: one of them tells its files from TRL's. */
export const LLAMA_FACTORY_MARKS = ['stage', 'finetuning_type', 'pref_loss', 'pref_beta', 'cutoff_len', 'template', 'dataset_dir'];

/** Settings of LLaMA-Factory that are known here, for slips of the pen. */
export const LLAMA_FACTORY_NAMES: readonly string[] = [
  ...LLAMA_FACTORY_MARKS,
  ...['model_name_or_path', 'ref_model', 'dataset', 'eval_dataset', 'pref_ftx', 'simpo_gamma', 'ld_alpha', 'val_size'],
  ...['lora_rank', 'lora_alpha', 'lora_target', 'use_rslora'],
  ...['per_device_train_batch_size', 'gradient_accumulation_steps', 'num_train_epochs', 'max_steps', 'learning_rate'],
  ...['lr_scheduler_type', 'warmup_ratio', 'warmup_steps', 'eval_strategy', 'eval_steps', 'save_steps', 'seed', 'optim'],
];

/**
 * Carries over a LLaMA-Factory YAML with `stage: dpo`.
 *
 * @param file named in errors
 * @throws WishboneError when the file trains something else
 */
export function convertLlamaFactory(conversion: Conversion, file: string): void {
  const stage = conversion.take('stage');
  if (stage !== undefined && stage !== 'dpo') {
    throw new WishboneError(
      `the file trains ${JSON.stringify(stage)}, not preferences`,
      `${file}, field stage`,
      'give one with "stage: dpo"',
    );
  }
  convertModel(conversion, 'model_name_or_path', 'model');
  convertModel(conversion, 'ref_model', 'training.reference_model');
  convertLlamaFactoryAdapter(conversion);
  dataset(conversion, 'dataset', 'dataset');
  dataset(conversion, 'eval_dataset', 'eval_dataset');
  heldOut(conversion);
  conversion.take('dataset_dir');
  if (!conversion.has('cutoff_len')) conversion.set('plan.max_length', 2048, 'cutoff_len');
  conversion.carry('cutoff_len', 'plan.max_length');
  if (conversion.take('template') !== undefined)
    conversion.changed('template', "the chat template of the model folder's tokenizer is used");
  losses(conversion);
  conversion.carry('pref_beta', 'training.beta');
  conversion.carry('simpo_gamma', 'training.simpo_gamma');
  conversion.carry('ld_alpha', 'training.ld_alpha');
  for (const name of ['dpo_label_smoothing', 'pref_bco_weight'] as const) {
    if ((conversion.takeNumber(name) ?? 0) !== 0)
      conversion.lost(name, name === 'pref_bco_weight' ? 'add "bco_pair" to loss_type, with loss_weights' : 'loss_type "robust" takes label_smoothing');
  }
  convertTrainingArguments(conversion, 5e-5);
}

function losses(conversion: Conversion): void {
  const loss = conversion.take('pref_loss') ?? 'sigmoid';
  const known = ['sigmoid', 'hinge', 'ipo', 'orpo', 'simpo'].find((name) => name === loss);
  if (known === undefined) conversion.lost('pref_loss', 'there is no such loss for pairs; docs/methods.md lists what there is');
  const name = known ?? 'sigmoid';
  const likelihood = conversion.takeNumber('pref_ftx') ?? 0;
  if (likelihood === 0) return conversion.set('training.loss_type', name, 'pref_loss');
  conversion.set('training.loss_type', [name, 'sft'], 'pref_ftx');
  conversion.set('training.loss_weights', [1, likelihood], 'pref_ftx');
  conversion.changed('pref_ftx', 'a sum of losses with "sft", whose mean is over tokens here, over responses there');
}

/** `val_size`: a share of the pairs, or a number of them. */
function heldOut(conversion: Conversion): void {
  const size = conversion.takeNumber('val_size') ?? 0;
  if (size >= 1) conversion.lost('val_size', 'pairs are held out by their share: set plan.eval_fraction');
  else if (size > 0) conversion.set('plan.eval_fraction', size, 'val_size');
}

/** Datasets are names in `dataset_info.json`, which run configs can name too. */
function dataset(conversion: Conversion, name: string, target: 'dataset' | 'eval_dataset'): void {
  const text = conversion.take(name);
  if (typeof text !== 'string' && !Array.isArray(text)) return;
  const names = [text].flat().flatMap((part) => String(part).split(',')).map((part) => part.trim()).filter(Boolean);
  const entries = names.map((entry) => ({ entry, found: entryOf(conversion, entry) }));
  const found = entries.flatMap((one) => (one.found === undefined ? [] : [one.found]));
  if (found.length > 0) conversion.set(target, found.length === 1 ? found[0] : found, name);
  const missing = entries.filter((one) => one.found === undefined).map(({ entry }) => `"${entry}"`);
  if (missing.length > 0)
    conversion.lost(name, `no file was found for ${missing.join(', ')} in dataset_info.json: name one in ${target}`);
}

/** `dataset_info.json#name` of an entry whose file is there. */
function entryOf(conversion: Conversion, name: string): string | undefined {
  const folder = conversion.take('dataset_dir') ?? 'data';
  const info = conversion.find(path.join(String(folder), 'dataset_info.json'));
  if (info === undefined) return undefined;
  try {
    const entries = JSON.parse(readFileSync(info, 'utf8')) as Record<string, { file_name?: unknown } | undefined>;
    const file = Object.hasOwn(entries, name) ? entries[name]?.file_name : undefined;
    const isThere = typeof file === 'string' && conversion.find(path.resolve(path.dirname(info), file)) !== undefined;
    return isThere ? `${info}#${name}` : undefined;
  } catch {
    return undefined;
  }
}
