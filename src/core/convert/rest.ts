import { isDeepStrictEqual } from 'node:util';
import { nearestName } from '../nearest-name.js';
import type { Conversion } from './conversion.js';
import llamaFactory from './llama-factory-settings.json';
import { type Source, sourceLabel, sourceOf } from './recognise.js';
import trl from './trl-settings.json';
import { TRL_TRAINERS } from './trl-trainers.js';

/** Settings by name, `*` standing for any end, and what their being left out means. */
type Settings = readonly [names: string, why: string];

/** What changes nothing in what is learnt. */
const NEEDLESS: readonly Settings[] = [
  [
    `logging_* log_* report_to disable_tqdm include_num_input_tokens_seen include_effective_tokens_per_second plot_loss project
     debug trackio_* wandb* swanlab_* use_swanlab enable_torch_profiler profiler_* profile_modules`,
    'every step is logged in events.jsonl',
  ],
  ['push_to_hub* hub_* export_* hf_hub_token ms_hub_token om_hub_token', 'the trained model stays in the run folder'],
  [
    `output_dir overwrite_output_dir save_only_model save_safetensors save_on_each_node cache_dir data_shared_file_system
     restore_callback_states* enable_jit_checkpoint ignore_data_skip`,
    'a run is a new folder in .wishbone/runs, with its checkpoints and export',
  ],
  [
    `dataloader_num_workers dataloader_pin_memory dataloader_persistent_workers dataloader_prefetch_factor
     dataloader_multiprocessing_context dataloader_in_order dataset_num_proc preprocessing_num_workers
     preprocessing_batch_size overwrite_cache tokenized_path remove_unused_columns length_column_name num_proc
     group_by_length`,
    'pairs are tokenised and planned before the run starts',
  ],
  ['padding_* pad_* packing neat_packing label_pad_token_id ignore_pad_token_for_loss', 'bins are packed, and nothing is padded'],
  [
    `attn_implementation flash_attn use_liger* enable_liger* liger_* use_unsloth* torch_compile* torch_dtype dtype tf32
     use_cache use_kv_cache use_v1_kernels activation_checkpointing* gradient_checkpointing* disable_gradient_checkpointing
     use_reentrant_gc activation_offloading torch_empty* bf16* pure_bf16 upcast_* low_cpu_mem_usage include_for_metrics
     skip_memory_metrics prediction_loss_only fp16_full_eval eval_do_concat* eval_accumulation* eval_use_gather*
     eval_on_each_dataset batch_eval* auto_find_batch_size precompute_ref_batch_size jit_mode_eval use_logits_to_keep
     use_num_logits_to_keep use_mca use_megatron_bridge use_hyper_parallel hyper_parallel_* offload_folder fp8*`,
    'the runner has its own kernels and number formats',
  ],
  [`ddp_* local_rank average_tokens_across_devices ray_* master_addr master_port env`, 'starting processes is not part of a run config'],
  [
    `do_train do_eval do_predict trust_remote_code use_fast_tokenizer ignore_bias_buffers disable_dropout router_aux*
     moe_aux* label_names label_smoothing_factor generate_during_eval print_param_status compute_accuracy
     model_adapter_name ref_adapter_name force_use_ref_model base_model_attribute_name tokenizer_name_or_path
     auto_insert_empty_system_msg trainer trainer_type trainer_name method command task`,
    'nothing here depends on it',
  ],
  [
    `do_sample temperature top_p top_k num_beams max_new_tokens repetition_penalty length_penalty skip_special_tokens
     eval_num_beams infer_* vllm_* sglang_*`,
    'nothing is generated except samples to read (training.sample_steps)',
  ],
  [
    `image_* video_* audio_* crop_to_patches use_audio_in_video media_dir freeze_vision_tower freeze_multi_modal_projector`,
    'only text is trained on',
  ],
  [
    `kto_* ppo_* reward_model* use_dft_loss use_asft_loss asft_alpha use_eaft_loss eaft_alpha train_on_prompt mask_history`,
    'only stages other than dpo use it',
  ],
];

/** What would change what is learnt, with what to do instead. */
const LOST: readonly Settings[] = [
  [
    `lora_* use_rslora use_dora additional_target pissa_* loraplus_* create_new_adapter adapter_name_or_path
     adapter_folder ref_model_adapters oft_* module_dropout`,
    'adapters are plain LoRA (docs/methods.md); training.adapter_name_or_path names one to continue from',
  ],
  [
    'load_in_* bnb_* use_bnb* quantization_* ref_model_quantization_* double_quantization use_kt kt_*',
    'models are trained in fp32, fp16 or bf16, not quantised',
  ],
  ['fp16*', 'a GPU computes in bf16'],
  ['deepspeed fsdp* accelerator_config parallelism_config', 'how devices share a run cannot be configured'],
  ['model_revision', 'the weights come from the folder: download this revision'],
  [
    `max_samples dataset_train_split dataset_test_split dataset_config dataset_split* dataset_mix* split buffer_size
     mix_strategy interleave_probs datasets text_column decontaminate truncation_side`,
    'give the files with the pairs you want as dataset',
  ],
  ['dataset_streaming streaming disable_shuffling', 'the pairs are shuffled in every epoch, by plan.seed'],
  ['test_split_size', 'give a file with pairs for evaluation as eval_dataset, or set plan.eval_fraction'],
  ['dataloader_drop_last', 'the last step of an epoch may have fewer pairs'],
  ['data_seed', 'the order of the pairs is decided by plan.seed'],
  ['eval_delay eval_on_start', 'evaluation happens every training.eval_steps steps and after the last'],
  ['resume_from_checkpoint', '`wishbone train --resume <run folder>` continues a run'],
  ['is_encoder_decoder', 'only decoder models are trained'],
  ['tools', 'tools are a field of the row'],
  [
    'chat_template* default_system tool_format enable_thinking preserve_thinking system_prompt eos_token',
    'conversations are rendered by the chat template of the model folder alone',
  ],
  [
    'resize_vocab add_tokens add_special_tokens new_special_tokens_config init_special_tokens split_special_tokens',
    'texts are tokenised with the tokenizer of the model folder, unchanged',
  ],
  [
    `neftune_* optim_args optim_target_modules model_init_kwargs ref_model_init_kwargs freeze_* use_galore use_apollo use_badam
     use_muon use_adam_mini use_llama_pro galore_* apollo_* badam_* mixture_of_depths rope_scaling shift_attn
     train_from_scratch alpha`,
    'Wishbone has no such feature',
  ],
];

/** Keyword arguments for loading a model that do not change what is computed. */
const LOADING = [
  'dtype',
  'torch_dtype',
  'attn_implementation',
  'use_cache',
  'trust_remote_code',
  'low_cpu_mem_usage',
  'device_map',
  'use_kernels',
];

/** Says of every setting that was not spoken for what it means that it is left out. */
export function convertRest(conversion: Conversion, source: Source, known: readonly string[]): void {
  const defaults = defaultsOf(source);
  for (const { name } of conversion.nulls()) {
    const otherwise = defaults.get(name) ?? undefined;
    if (otherwise !== undefined) conversion.lost(name, `null is not a value: treated as absent, ${JSON.stringify(otherwise)}`);
  }
  for (const { name, value } of conversion.rest()) {
    // What is as it would be without a word asks for nothing; nor does what is off, where nothing is known of it.
    const asIs = defaults.has(name)
      ? equal(value, defaults.get(name))
      : !foreign(name, source) && [null, false, 0, '', 'no', 'none'].includes(value as null);
    if (asIs) {
      conversion.take(name);
      continue;
    }
    const why = onlyLoads(name, value) ? 'the runner has its own kernels and number formats' : meaning(NEEDLESS, name);
    if (why !== undefined) conversion.needless(name, why);
    else conversion.lost(name, meaning(LOST, name) ?? stranger(name, source, known));
  }
}

/** Whether a setting of TRL's is not of this trainer. */
function foreign(name: string, source: Source): boolean {
  const owners = TRL_TRAINERS.filter(({ settings }) => settings.has(name));
  return source !== 'llama-factory' && owners.length > 0 && !owners.some((owner) => sourceOf(owner) === source);
}

/** What the tool takes for said where a file is silent. */
function defaultsOf(source: Source): ReadonlyMap<string, unknown> {
  const common = Object.entries<unknown>(trl.common);
  if (source === 'llama-factory')
    return new Map([...common, ...Object.values(llamaFactory.settings).flatMap((settings) => Object.entries<unknown>(settings))]);
  const trainer = { 'trl-dpo': trl.trainers.DPO, 'trl-orpo': trl.trainers.ORPO, 'trl-cpo': trl.trainers.CPO, simpo: {} }[source];
  return new Map([
    ...common,
    ...Object.values(trl.scripts).flatMap((settings) => Object.entries<unknown>(settings)),
    ...Object.entries<unknown>(trainer),
  ]);
}

function equal(value: unknown, otherwise: unknown): boolean {
  const number = typeof value === 'string' && typeof otherwise === 'number' ? Number(value) : value;
  return isDeepStrictEqual(number, otherwise);
}

function onlyLoads(name: string, value: unknown): boolean {
  if (name !== 'model_init_kwargs' && name !== 'ref_model_init_kwargs') return false;
  return typeof value === 'object' && value !== null && Object.keys(value).every((key) => LOADING.includes(key));
}

function stranger(name: string, source: Source, known: readonly string[]): string {
  const near = nearestName(name, known);
  const owners = TRL_TRAINERS.filter(({ settings }) => settings.has(name)).map((trainer) => trainer.name);
  if (owners.length > 0) return `it is not a setting of ${sourceLabel(source)} but of TRL's ${owners.slice(0, 3).join(', ')}`;
  return near === undefined ? 'unknown setting' : `unknown setting; did you mean "${near}"?`;
}

function meaning(settings: readonly Settings[], name: string): string | undefined {
  const fits = (pattern: string): boolean => (pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern);
  return settings.find(([names]) => names.split(/\s+/).some(fits))?.[1];
}
