import path from 'node:path';
import { mostBytes, readPlainTextSync } from '../files/plain-file.js';
import { convertLlamaFactoryAdapter } from './adapter.js';
import type { Conversion } from './conversion.js';
import { convertLength } from './length.js';
import { LLAMA_FACTORY_MARKS, PREFERENCE_MARKS } from './llama-factory-marks.js';
import { convertModel } from './models.js';
import { convertTrainingArguments, TRAINING_ARGUMENTS } from './training-arguments.js';

/** Settings of LLaMA-Factory that are known here, for slips of the pen. */
export const LLAMA_FACTORY_NAMES: readonly string[] = [
  ...LLAMA_FACTORY_MARKS,
  ...PREFERENCE_MARKS,
  ...['model_name_or_path', 'adapter_name_or_path', 'ref_model', 'dataset', 'eval_dataset', 'ld_alpha', 'val_size'],
  ...['lora_rank', 'lora_alpha', 'lora_target', 'lora_dropout', 'use_rslora', 'early_stopping_steps'],
  ...TRAINING_ARGUMENTS,
];

/** Carries over a LLaMA-Factory YAML with `stage: dpo`. */
export function convertLlamaFactory(conversion: Conversion): void {
  conversion.take('stage');
  convertModel(conversion, 'model_name_or_path', 'model');
  convertModel(conversion, 'ref_model', 'training.reference_model');
  convertLlamaFactoryAdapter(conversion);
  dataset(conversion, 'dataset', 'dataset');
  dataset(conversion, 'eval_dataset', 'eval_dataset');
  heldOut(conversion);
  conversion.take('dataset_dir');
  convertLength(conversion, 'cutoff_len', 2048, 2048);
  conversion.changed(
    'cutoff_len',
    `plan.max_length ${String(conversion.get('plan.max_length'))}: the end of longer sequences is cut off; LLaMA-Factory shortens prompt and responses in proportion`,
  );
  if (conversion.take('template') !== undefined)
    conversion.changed('template', "the chat template of the model folder's tokenizer is used");
  losses(conversion);
  conversion.carry('pref_beta', 'training.beta');
  conversion.carry('simpo_gamma', 'training.simpo_gamma');
  conversion.carry('ld_alpha', 'training.ld_alpha');
  if (conversion.has('ld_alpha') && conversion.takeNumber('ld_alpha') !== 1)
    conversion.changed(
      'ld_alpha',
      'the tokens of the reference are weighted too, as in TRL; LLaMA-Factory weights only those of the policy',
    );
  for (const name of ['dpo_label_smoothing', 'pref_bco_weight'] as const) {
    if ((conversion.takeNumber(name) ?? 0) !== 0)
      conversion.lost(
        name,
        name === 'pref_bco_weight' ? 'add "bco_pair" to loss_type, with loss_weights' : 'loss_type "robust" takes label_smoothing',
      );
  }
  conversion.carry('early_stopping_steps', 'training.early_stopping_patience');
  convertTrainingArguments(conversion, 'llama-factory');
}

function losses(conversion: Conversion): void {
  const loss = conversion.take('pref_loss') ?? 'sigmoid';
  const known = ['sigmoid', 'hinge', 'ipo', 'orpo', 'simpo'].find((name) => name === loss);
  if (known === undefined)
    conversion.refuse('pref_loss', `unknown loss for pairs: ${JSON.stringify(loss)}`, 'use sigmoid, hinge, ipo, orpo or simpo');
  const name = known;
  const mean = 'is the mean over all tokens of the step in Wishbone, the mean of the means of the responses there';
  if (name === 'orpo') conversion.changed('pref_loss', `orpo: the chosen responses' likelihood ${mean}`);
  const likelihood = conversion.takeNumber('pref_ftx') ?? 0;
  if (likelihood === 0) return conversion.set('training.loss_type', name, 'pref_loss');
  conversion.set('training.loss_type', [name, 'sft'], 'pref_ftx');
  conversion.set('training.loss_weights', [1, likelihood], 'pref_ftx');
  conversion.changed('pref_ftx', `a sum of losses with "sft", which ${mean}`);
}

/** `val_size`: a share of the pairs, or a number of them. */
function heldOut(conversion: Conversion): void {
  const size = conversion.takeNumber('val_size') ?? 0;
  if (size >= 1) conversion.lost('val_size', 'pairs are held out as a fraction: set plan.eval_fraction');
  else if (size > 0) conversion.set('plan.eval_fraction', size, 'val_size');
}

/** Datasets are names in `dataset_info.json`, which run configs can name too. */
function dataset(conversion: Conversion, name: string, target: 'dataset' | 'eval_dataset'): void {
  const text = conversion.take(name);
  if (typeof text !== 'string' && !Array.isArray(text)) return;
  const names = [text]
    .flat()
    .flatMap((part) => String(part).split(','))
    .map((part) => part.trim())
    .filter(Boolean);
  const entries = names.map((entry) => ({ entry, found: entryOf(conversion, entry) }));
  const found = entries.flatMap((one) => (one.found === undefined ? [] : [one.found]));
  if (found.length > 0) conversion.set(target, found.length === 1 ? found[0] : found, name);
  const missing = entries.filter((one) => one.found === undefined).map(({ entry }) => `"${entry}"`);
  if (missing.length > 0) conversion.lost(name, `no file found for ${missing.join(', ')} in dataset_info.json: give one in ${target}`);
}

/** `dataset_info.json#name` of an entry whose file is there. */
function entryOf(conversion: Conversion, name: string): string | undefined {
  const folder = conversion.take('dataset_dir') ?? 'data';
  const info = conversion.find(path.join(String(folder), 'dataset_info.json'));
  if (info === undefined) return undefined;
  try {
    const entries = JSON.parse(readPlainTextSync(info, mostBytes.json)) as Record<string, { file_name?: unknown } | undefined>;
    const file = Object.hasOwn(entries, name) ? entries[name]?.file_name : undefined;
    const isThere = typeof file === 'string' && conversion.find(path.resolve(path.dirname(info), file)) !== undefined;
    return isThere ? `${info}#${name}` : undefined;
  } catch {
    return undefined;
  }
}
