import type { Conversion } from './conversion.js';

/** Carries over the adapter of TRL's `ModelConfig`: LoRA under the same names. */
export function convertTrlAdapter(conversion: Conversion): void {
  if (!conversion.takeFlag('use_peft')) {
    for (const name of ['lora_r', 'lora_alpha', 'lora_dropout', 'lora_target_modules', 'lora_task_type', 'use_rslora'])
      if (conversion.take(name) !== undefined) conversion.needless(name, 'there is no adapter without use_peft');
    return;
  }
  conversion.set('training.use_peft', true, 'use_peft');
  for (const name of ['lora_r', 'lora_alpha', 'use_rslora'] as const) conversion.carry(name, `training.${name}`);
  targets(conversion, 'lora_target_modules', ['q_proj', 'v_proj']);
  dropout(conversion, 0.05);
  if (conversion.take('lora_task_type') !== undefined) conversion.needless('lora_task_type', 'it is CAUSAL_LM');
}

/** The same of LLaMA-Factory, which trains an adapter unless it is told otherwise. */
export function convertLlamaFactoryAdapter(conversion: Conversion): void {
  const finetuning = conversion.take('finetuning_type') ?? 'lora';
  if (finetuning === 'full') return;
  if (finetuning !== 'lora')
    return conversion.lost('finetuning_type', `"${String(finetuning)}" is not carried over: the run trains all weights`);
  conversion.set('training.use_peft', true, 'finetuning_type');
  const rank = conversion.takeNumber('lora_rank') ?? 8;
  conversion.set('training.lora_r', rank, 'lora_rank');
  conversion.set('training.lora_alpha', conversion.takeNumber('lora_alpha') ?? 2 * rank, 'lora_alpha');
  conversion.carry('use_rslora', 'training.use_rslora');
  targets(conversion, 'lora_target', 'all-linear');
  dropout(conversion, 0);
}

/** @param otherwise the tool's own choice */
function targets(conversion: Conversion, name: string, otherwise: string | readonly string[]): void {
  const given = conversion.take(name);
  if (given === undefined || given === null) {
    if (typeof otherwise !== 'string') conversion.changed(name, `${otherwise.join(' and ')}, which PEFT chooses for most models`);
    return conversion.set('training.lora_target_modules', otherwise, name);
  }
  const names = [given].flat().flatMap((part) => (typeof part === 'string' ? part.split(',') : [part]));
  const trimmed = names.map((part) => (typeof part === 'string' ? part.trim() : part));
  const all = trimmed.length === 1 && (trimmed[0] === 'all' || trimmed[0] === 'all-linear');
  conversion.set('training.lora_target_modules', all ? 'all-linear' : trimmed, name);
}

function dropout(conversion: Conversion, otherwise: number): void {
  const rate = conversion.takeNumber('lora_dropout') ?? otherwise;
  if (rate !== 0) conversion.lost('lora_dropout', `adapters have no dropout here; there it is ${rate}`);
}
