import path from 'node:path';
import { mostBytes, readPlainTextSync } from '../files/plain-file.js';
import type { Conversion } from './conversion.js';

/** Carries over the adapter of TRL's `ModelConfig`: LoRA under the same names. */
export function convertTrlAdapter(conversion: Conversion): void {
  if (!conversion.takeFlag('use_peft')) {
    for (const name of ['lora_r', 'lora_alpha', 'lora_dropout', 'lora_target_modules', 'lora_task_type', 'use_rslora'])
      if (conversion.take(name) !== undefined) conversion.needless(name, 'without use_peft there is no adapter');
    return;
  }
  conversion.set('training.use_peft', true, 'use_peft');
  for (const name of ['lora_r', 'lora_alpha', 'use_rslora'] as const) conversion.carry(name, `training.${name}`);
  if (conversion.has('lora_target_modules')) targets(conversion, 'lora_target_modules');
  else targetsOfPeft(conversion);
  dropout(conversion, 0.05);
  const task = conversion.take('lora_task_type');
  if (task === 'CAUSAL_LM') conversion.needless('lora_task_type', 'it is CAUSAL_LM');
  else if (task !== undefined) conversion.lost('lora_task_type', 'it is always CAUSAL_LM: only language models are trained');
}

/** The same of LLaMA-Factory, which trains an adapter unless it is told otherwise. */
export function convertLlamaFactoryAdapter(conversion: Conversion): void {
  const finetuning = conversion.take('finetuning_type') ?? 'lora';
  if (finetuning === 'full') return;
  if (finetuning !== 'lora')
    conversion.refuse('finetuning_type', `${JSON.stringify(finetuning)} is not supported`, 'use "lora", or "full" for all weights');
  conversion.set('training.use_peft', true, 'finetuning_type');
  if (goesOn(conversion)) return;
  const rank = conversion.takeNumber('lora_rank') ?? 8;
  conversion.set('training.lora_r', rank, 'lora_rank');
  conversion.set('training.lora_alpha', conversion.takeNumber('lora_alpha') ?? 2 * rank, 'lora_alpha');
  conversion.carry('use_rslora', 'training.use_rslora');
  targets(conversion, 'lora_target');
  dropout(conversion, 0);
}

/** `adapter_name_or_path`: the last adapter is trained on, those before it are merged. */
function goesOn(conversion: Conversion): boolean {
  const given = conversion.take('adapter_name_or_path');
  if (given === undefined) return false;
  const names = String(given)
    .split(',')
    .map((name) => name.trim());
  if (names.length > 1 || conversion.takeFlag('create_new_adapter')) {
    conversion.lost('adapter_name_or_path', 'merge these adapters into the model first, and give the merged folder as model');
    return false;
  }
  const found = conversion.find(names[0] as string);
  if (found === undefined) {
    conversion.lost('adapter_name_or_path', 'this folder does not exist here: set training.adapter_name_or_path to it');
    return false;
  }
  conversion.set('training.adapter_name_or_path', found, 'adapter_name_or_path');
  // LLaMA-Factory's reference is the model with the adapter off; TRL's, and the default here, is a copy of the adapter.
  conversion.set('training.adapter_reference', 'base', 'adapter_name_or_path');
  for (const name of ['lora_rank', 'lora_alpha', 'use_rslora', 'lora_target', 'lora_dropout'])
    if (conversion.take(name) !== undefined) conversion.needless(name, 'the adapter that training continues from decides it');
  return true;
}

function targets(conversion: Conversion, name: string): void {
  const names = [conversion.take(name) ?? 'all-linear'].flat().flatMap((part) => (typeof part === 'string' ? part.split(',') : [part]));
  const trimmed = names.map((part) => (typeof part === 'string' ? part.trim() : part));
  const all = trimmed.length === 1 && (trimmed[0] === 'all' || trimmed[0] === 'all-linear');
  conversion.set('training.lora_target_modules', all ? 'all-linear' : trimmed, name);
}

/** Model types that are trained here and that PEFT names no layers for. */
const WITHOUT_TARGETS = ['olmo2', 'phi3', 'smollm3'];

/** Without names of layers PEFT takes queries and values, for the models it knows; for the others TRL stops. */
function targetsOfPeft(conversion: Conversion): void {
  const type = modelType(conversion.get('model'));
  if (type !== undefined && WITHOUT_TARGETS.includes(type)) {
    conversion.set('training.lora_target_modules', 'all-linear', 'lora_target_modules');
    return conversion.changed('lora_target_modules', `all-linear: PEFT has no default layers for a ${type}, and TRL stops`);
  }
  conversion.set('training.lora_target_modules', ['q_proj', 'v_proj'], 'lora_target_modules');
  conversion.changed('lora_target_modules', 'q_proj and v_proj, which PEFT chooses for most models');
}

function modelType(folder: unknown): string | undefined {
  if (typeof folder !== 'string') return undefined;
  try {
    const config = JSON.parse(readPlainTextSync(path.join(folder, 'config.json'), mostBytes.json)) as { readonly model_type?: unknown };
    return typeof config.model_type === 'string' ? config.model_type : undefined;
  } catch {
    return undefined;
  }
}

function dropout(conversion: Conversion, otherwise: number): void {
  const rate = conversion.takeNumber('lora_dropout') ?? otherwise;
  if (rate !== 0) conversion.lost('lora_dropout', `adapters have no dropout in Wishbone; it is ${rate} there`);
}
