import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Conversion } from './conversion.js';
import { fileKind } from '../dataset/file-kinds.js';

/** Carries over the names of models: folders here, which may be names on the Hugging Face Hub there. */
export function convertModel(conversion: Conversion, name: string, target: 'model' | 'training.reference_model'): void {
  const text = conversion.takeText(name);
  if (text === undefined) return;
  const found = conversion.find(text);
  const adapter =
    found !== undefined && existsSync(path.join(found, 'adapter_config.json')) && !existsSync(path.join(found, 'config.json'));
  if (adapter)
    conversion.lost(name, 'it is an adapter folder: give its base model as model, and the adapter as training.adapter_name_or_path');
  else if (found !== undefined) conversion.set(target, found, name);
  else
    conversion.lost(name, `this folder does not exist here: download the model, and give its folder as ${target.replace('training.', '')}`);
}

/** The same of a data file. */
export function convertDataset(conversion: Conversion, name: string, target: 'dataset' | 'eval_dataset'): void {
  const text = conversion.takeText(name);
  if (text === undefined) return;
  const found = fileKind(text).kind !== undefined ? conversion.find(text) : undefined;
  if (found !== undefined) conversion.set(target, found, name);
  else conversion.lost(name, `this file does not exist here: download the dataset, and give its file as ${target}`);
}
