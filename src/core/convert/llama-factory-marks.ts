/** Settings that only LLaMA-Factory has, and that its files have: one of them tells these from TRL's. */
export const LLAMA_FACTORY_MARKS: readonly string[] = [
  ...['stage', 'finetuning_type', 'pref_loss', 'pref_beta', 'pref_ftx', 'cutoff_len', 'template', 'dataset_dir'],
  ...['lora_rank', 'lora_target', 'kto_chosen_weight', 'kto_rejected_weight', 'freeze_trainable_layers', 'mask_history'],
];

/** Those that its `stage: dpo` alone reads. */
export const PREFERENCE_MARKS: readonly string[] = [
  'pref_loss',
  'pref_beta',
  'pref_ftx',
  'dpo_label_smoothing',
  'pref_bco_weight',
  'simpo_gamma',
];
