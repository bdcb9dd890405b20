import type { OptionPath } from './sections.js';

/** An option, or a field of a run config beside the sections. */
export type FieldHere = OptionPath | 'model' | 'dataset' | 'name' | 'runs';

/** What a setting of TRL's, transformers' or LLaMA-Factory's is called here. */
interface NamedHere {
  /** Undefined for what is not there. */
  readonly field?: FieldHere;
  /** What is different, or why there is none. */
  readonly note?: string;
}

const BATCH: NamedHere = {
  field: 'plan.batch_size',
  note: 'the pairs of a whole optimizer step, which is per_device_train_batch_size × gradient_accumulation_steps × devices',
};
const SHARD: NamedHere = { field: 'runner.shard', note: 'what several devices share out; by itself the least that fits' };
const BF16 = 'a GPU computes in bf16 with float32 master weights, a CPU in float32';
const QUANTISED = 'a model is trained in full precision, or by an adapter above it (use_peft)';

/**
 * Settings that people who come from other trainers write first, where the name here is another. All others have a line in the report of
 * `wishbone convert` (src/core/convert).
 */
const NAMES: Readonly<Record<string, NamedHere>> = {
  num_train_epochs: { field: 'plan.epochs' },
  per_device_train_batch_size: BATCH,
  gradient_accumulation_steps: BATCH,
  max_seq_length: { field: 'plan.max_length' },
  cutoff_len: { field: 'plan.max_length' },
  model_name_or_path: { field: 'model' },
  dataset_name: { field: 'dataset' },
  run_name: { field: 'name' },
  output_dir: { field: 'runs', note: 'the folder of all runs, each of which has a folder of its own there' },
  ref_model: { field: 'training.reference_model' },
  ref_model_name_or_path: { field: 'training.reference_model' },
  precompute_ref_log_probs: { field: 'training.reference', note: 'precompute is the default' },
  pref_beta: { field: 'training.beta' },
  pref_loss: { field: 'training.loss_type' },
  rpo_alpha: { field: 'training.loss_weights', note: 'the weight of "sft" in a loss_type of several' },
  pref_ftx: { field: 'training.loss_weights', note: 'the weight of "sft" in a loss_type of several' },
  gamma_beta_ratio: { field: 'training.simpo_gamma', note: 'which is beta × gamma_beta_ratio' },
  eval_strategy: { field: 'training.eval_steps', note: 'evaluation is every so many steps; 0: never' },
  save_strategy: { field: 'training.save_steps', note: 'or save_minutes; both 0: never' },
  lora_rank: { field: 'training.lora_r' },
  lora_target: { field: 'training.lora_target_modules' },
  lora_dropout: { note: 'adapters have no dropout' },
  gradient_checkpointing: { field: 'runner.recompute', note: 'by itself as much as memory needs' },
  torch_dtype: { field: 'training.export_dtype', note: BF16 },
  dtype: { field: 'training.export_dtype', note: BF16 },
  bf16: { note: BF16 },
  fp16: { note: BF16 },
  optim: { note: 'the optimizer is AdamW' },
  logging_steps: { note: 'every step is logged' },
  use_cpu: { field: 'runner.backend', note: '"cpu"' },
  fsdp: SHARD,
  deepspeed: SHARD,
  load_in_4bit: { note: QUANTISED },
  load_in_8bit: { note: QUANTISED },
};

/**
 * What to do about a setting of another trainer; undefined for a name that is none of the usual ones.
 *
 * @param shown how a field is written where the name stands: in a run config, on the command line
 */
export function namedHere(name: string, shown: (field: FieldHere) => string): string | undefined {
  if (!Object.hasOwn(NAMES, name)) return undefined;
  const { field, note } = NAMES[name]!;
  if (field === undefined) return `leave it out: ${note}`;
  return `it is ${shown(field)} here${note === undefined ? '' : `: ${note}`}`;
}
