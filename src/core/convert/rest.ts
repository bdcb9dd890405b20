import { nearestName } from '../nearest-name.js';
import type { Conversion } from './conversion.js';

/** Settings by name, `*` standing for any end, and what their being left out means. */
type Settings = readonly [names: string, why: string];

/** What changes nothing in what is learnt. */
const NEEDLESS: readonly Settings[] = [
  [
    'logging_* log_* report_to disable_tqdm include_num_input_tokens_seen plot_loss project debug trackio_* wandb* swanlab_* use_swanlab',
    'every step is logged in events.jsonl',
  ],
  ['push_to_hub* hub_* export_*', 'the trained model stays in the run folder'],
  [
    'output_dir overwrite_output_dir save_only_model save_safetensors save_on_each_node',
    'a run is a new folder in .wishbone/runs, with its checkpoints and export',
  ],
  [
    `dataloader_num_workers dataloader_pin_memory dataloader_persistent_workers dataloader_prefetch_factor
     dataloader_multiprocessing_context dataloader_in_order dataset_num_proc preprocessing_num_workers
     preprocessing_batch_size overwrite_cache tokenized_path remove_unused_columns group_by_length length_column_name
     dataset_streaming streaming train_sampling_strategy ignore_data_skip`,
    'pairs are tokenised and planned before the run starts',
  ],
  ['padding_* pad_* packing neat_packing', 'bins are packed, and nothing is padded'],
  [
    `attn_implementation flash_attn use_liger* enable_liger* liger_* use_unsloth* torch_compile* torch_dtype dtype tf32
     use_cache activation_checkpointing* gradient_checkpointing_kwargs disable_gradient_checkpointing activation_offloading
     torch_empty* bf16* pure_bf16 upcast_* low_cpu_mem_usage include_for_metrics skip_memory_metrics prediction_loss_only
     fp16_full_eval eval_do_concat* eval_accumulation* eval_use_gather* batch_eval* enable_jit_checkpoint
     auto_find_batch_size precompute_ref_batch_size jit_mode_eval`,
    'the runner has kernels and number formats of its own',
  ],
  [
    `do_train do_eval do_predict local_rank trust_remote_code use_fast_tokenizer model_revision ignore_bias_buffers
     disable_dropout ddp_* average_tokens_across_devices router_aux* label_names greater_is_better
     restore_callback_states* generate_during_eval is_encoder_decoder print_param_status`,
    'nothing here depends on it',
  ],
];

/** What would change what is learnt, with what to do instead. */
const LOST: readonly Settings[] = [
  [
    `lora_* use_rslora use_dora additional_target pissa_* loraplus_* create_new_adapter adapter_name_or_path
     adapter_folder ref_model_adapters reward_model*`,
    'adapters are plain LoRA (docs/methods.md); training.adapter_name_or_path names one to go on from',
  ],
  [
    'load_in_* bnb_* use_bnb* quantization_* ref_model_quantization_* double_quantization',
    'models are trained in fp32, fp16 or bf16, not quantised',
  ],
  ['fp16 fp16_*', 'a GPU computes in bf16'],
  ['deepspeed fsdp* accelerator_config parallelism_config', 'a run uses one device'],
  [
    `max_samples dataset_train_split dataset_test_split dataset_config split buffer_size mix_strategy interleave_probs
     datasets`,
    'name the files with the pairs that are wanted as dataset',
  ],
  ['test_split_size', 'give a file with the pairs for evaluation as eval_dataset, or set plan.eval_fraction'],
  ['dataloader_drop_last', 'the last step of an epoch may have fewer pairs here'],
  ['data_seed', 'the order of the pairs is decided by plan.seed'],
  ['eval_delay eval_on_start', 'evaluation is every training.eval_steps steps, and after the last'],
  ['resume_from_checkpoint', 'a run goes on with `wishbone train --resume <run folder>`'],
  ['label_smoothing_factor', 'it is for other trainers; label_smoothing is that of preference losses'],
  [
    'default_system tool_format mask_history train_on_prompt enable_thinking',
    'conversations are rendered by the chat template of the model folder alone',
  ],
  [
    `neftune_* optim_args optim_target_modules model_init_kwargs freeze_* use_galore use_apollo use_badam galore_* apollo_*
     badam_* mixture_of_depths rope_scaling resize_vocab shift_attn alpha`,
    'there is no such thing here',
  ],
];

/** Says of every setting that was not spoken for what it means that it is left out. */
export function convertRest(conversion: Conversion, known: readonly string[]): void {
  for (const { name, value } of conversion.rest()) {
    // What is off or empty asks for nothing.
    if ([null, false, 0, '', 'no', 'none'].includes(value as null)) conversion.take(name);
    else {
      const why = meaning(NEEDLESS, name);
      const near = nearestName(name, known);
      const stranger = near === undefined ? 'it is not known' : `it is not known; did you mean "${near}"?`;
      if (why !== undefined) conversion.needless(name, why);
      else conversion.lost(name, meaning(LOST, name) ?? stranger);
    }
  }
}

function meaning(settings: readonly Settings[], name: string): string | undefined {
  const fits = (pattern: string): boolean =>
    pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
  return settings.find(([names]) => names.split(/\s+/).some(fits))?.[1];
}
