import type { YamlSetting } from './yaml-settings.js';

/** A file of a tool whose configs are not carried over. */
export interface OtherTool {
  /** `a config of Axolotl (rl: dpo)`. */
  readonly what: string;
  /** The setting that shows it. */
  readonly mark: YamlSetting;
  readonly advice: string;
}

const BY_HAND = 'write a run config by hand (docs/run-config.md), or give a YAML of TRL or LLaMA-Factory';
const NO_RECIPE = 'give the YAML that says what to train; this file does not';

interface Tool {
  readonly what: string | ((value: (name: string) => unknown) => string);
  /** Of each list one setting must be there; `name=` must be a mapping, `name[` a list of mappings. The first is the mark. */
  readonly marks: readonly (readonly string[])[];
  readonly advice: string;
}

const TOOLS: readonly Tool[] = [
  {
    what: (value) => {
      const method = value('rl');
      return `a config of Axolotl (${typeof method === 'string' ? `rl: ${method}` : 'without rl: supervised training'})`;
    },
    marks: [
      ['base_model'],
      ['datasets[', 'rl', 'adapter', 'micro_batch_size', 'sequence_len', 'num_epochs', 'val_set_size', 'sample_packing'],
    ],
    advice: `its settings have other names and defaults than TRL's: ${BY_HAND}`,
  },
  {
    what: 'a config of accelerate: it says how to start processes, not what to train',
    marks: [['compute_environment', 'distributed_type', 'main_training_function', 'machine_rank']],
    advice: 'give the YAML of the training itself; `wishbone convert --devices` takes the number of processes',
  },
  {
    what: 'a config of DeepSpeed: it says how to distribute weights, not what to train',
    marks: [['zero_optimization', 'train_micro_batch_size_per_gpu']],
    advice: NO_RECIPE,
  },
  {
    what: 'a config of ms-swift',
    marks: [['rlhf_type', 'tuner_type', 'train_type', 'sft_type', 'custom_train_dataset_path', 'swift_version']],
    advice: BY_HAND,
  },
  {
    what: 'a config of OpenRLHF',
    marks: [
      [
        'pretrain',
        'ref_pretrain',
        'micro_train_batch_size',
        'chosen_key',
        'zero_stage',
        'adam_offload',
        'reward_pretrain',
        'micro_rollout_batch_size',
      ],
    ],
    advice: BY_HAND,
  },
  {
    what: 'a config of verl',
    marks: [
      ['actor_rollout_ref', 'reward_model=', 'algorithm='],
      ['data=', 'actor_rollout_ref'],
    ],
    advice: BY_HAND,
  },
  {
    what: 'a config of NeMo RL',
    marks: [['policy='], ['dpo=', 'grpo=', 'sft=', 'rm=', 'cluster=', 'loss_fn=']],
    advice: BY_HAND,
  },
  {
    what: 'a config of NeMo',
    marks: [
      ['exp_manager', 'trainer='],
      ['exp_manager', 'model=', 'restore_from_path'],
    ],
    advice: BY_HAND,
  },
  {
    what: 'a config of Unsloth, which has no config for pairs: its scripts pass a DPOConfig to TRL',
    marks: [
      [
        'random_state',
        'loftq_config',
        'use_gradient_checkpointing',
        'fast_inference',
        'full_finetuning',
        'load_in_16bit',
        'finetune_language_layers',
      ],
    ],
    advice: "write the DPOConfig's settings under their own names, with model_name_or_path, use_peft and lora_r for the adapter",
  },
  {
    what: 'a config of Unsloth, which has no config for pairs: its scripts pass a DPOConfig to TRL',
    marks: [['max_seq_length'], ['model_name']],
    advice: "write the DPOConfig's settings under their own names, with model_name_or_path, use_peft and lora_r for the adapter",
  },
  {
    what: 'a config of MLX LM',
    marks: [
      ['lora_parameters', 'fine_tune_type', 'iters'],
      ['model', 'train', 'data'],
    ],
    advice: BY_HAND,
  },
  { what: 'a config of LitGPT', marks: [['checkpoint_dir'], ['train=', 'lora_query', 'precision']], advice: BY_HAND },
  {
    what: 'a config of LLM Foundry',
    marks: [['max_duration', 'device_train_microbatch_size', 'global_train_batch_size']],
    advice: BY_HAND,
  },
  { what: 'a config of Ludwig', marks: [['input_features', 'output_features']], advice: BY_HAND },
  {
    what: 'a config of version 1 of LLaMA-Factory, which has other settings',
    marks: [
      ['peft_config=', 'kernel_config=', 'dist_config='],
      ['model', 'train_dataset'],
    ],
    advice: 'give one of version 0 (stage: dpo)',
  },
  { what: "a model's config.json", marks: [['architectures', 'hidden_size', 'num_hidden_layers']], advice: NO_RECIPE },
  { what: "an adapter's adapter_config.json", marks: [['peft_type']], advice: NO_RECIPE },
  {
    what: "a tokenizer's config",
    marks: [['tokenizer_class', 'added_tokens_decoder', 'add_prefix_space']],
    advice: NO_RECIPE,
  },
  {
    what: 'already a run config of Wishbone',
    marks: [['plan=', 'training=', 'runner='], ['version']],
    advice: 'use it directly: `wishbone train <file>`',
  },
  {
    what: 'a row of a dataset',
    marks: [['chosen', 'rejected', 'completions', 'conversations']],
    advice: 'give a training config; datasets are read by `wishbone plan`',
  },
];

/** The tool that a file is of, when its configs are not carried over. */
export function otherTool(settings: readonly YamlSetting[]): OtherTool | undefined {
  const components = settings.filter(({ name, value }) => name === '_component_' || hasComponent(value, 3));
  // The loss says what is trained.
  const component = components.find(({ name }) => name === 'loss') ?? components[0];
  if (component !== undefined) return { what: `a recipe of torchtune (${method(component)})`, mark: component, advice: BY_HAND };
  const find = (pattern: string): YamlSetting | undefined => {
    const name = pattern.replace(/[=[]$/, '');
    const setting = settings.find((one) => one.name === name);
    if (setting === undefined) return undefined;
    const mapping = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);
    if (pattern.endsWith('=')) return mapping(setting.value) ? setting : undefined;
    if (pattern.endsWith('[')) return Array.isArray(setting.value) && setting.value.every(mapping) ? setting : undefined;
    return setting;
  };
  for (const { what, marks, advice } of TOOLS) {
    const found = marks.map((some) => some.map(find).find((setting) => setting !== undefined));
    if (found.some((setting) => setting === undefined)) continue;
    const value = (name: string): unknown => settings.find((one) => one.name === name)?.value;
    return { what: typeof what === 'string' ? what : what(value), mark: found[0] as YamlSetting, advice };
  }
  return undefined;
}

function hasComponent(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null || depth === 0) return false;
  return Object.entries(value).some(([name, inner]) => name === '_component_' || hasComponent(inner, depth - 1));
}

function method({ name, value }: YamlSetting): string {
  const component = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)['_component_'] : value;
  return `${name}: ${String(component)}`;
}
