import known from './trl-settings.json';

/** A trainer whose YAML may be met: TRL's own of now and before, and one that is built on it. */
export interface TrlTrainer {
  readonly name: string;
  /** What it is called in names of files, folders and classes. */
  readonly words: readonly string[];
  /** The settings of its config that transformers' `TrainingArguments` has not, of every version. */
  readonly settings: ReadonlySet<string>;
  /** Values of `loss_type`; undefined: any, or it has none. */
  readonly losses?: readonly string[];
  /** Why it cannot be carried over; undefined: it can. */
  readonly refused?: string;
}

const now = known.trainers as Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** What all of them have, or may have from the scripts around them. */
export const COMMON_SETTINGS: ReadonlySet<string> = new Set([
  ...Object.keys(known.common),
  ...Object.values(known.scripts).flatMap((settings) => Object.keys(settings)),
  ...['trust_remote_code', 'model_init_kwargs', 'warmup_ratio', 'evaluation_strategy', 'torch_dtype'],
]);

const PAIRED_BEFORE =
  'max_prompt_length max_completion_length max_target_length label_pad_token_id padding_value truncation_mode generate_during_eval is_encoder_decoder';
const REFERENCE_BEFORE =
  'model_adapter_name ref_adapter_name force_use_ref_model ref_model_init_kwargs base_model_attribute_name precompute_ref_log_probs use_liger_loss';
const GENERATES = 'it trains on answers that the model writes during training and something judges; Wishbone trains on given pairs';
const TEACHES = 'it trains on what a teacher model writes; Wishbone trains on given pairs';
const SAMPLED = 'grpo bnpo dr_grpo dapo cispo sapo luspo vespo';
const SUPERVISED = 'nll dft chunked_nll';
const ONE_EACH = 'it trains on single responses, each good or bad; Wishbone trains on pairs of responses';

function trainer(
  name: string,
  words: string,
  before: string,
  more: { readonly losses?: string; readonly refused?: string } = {},
): TrlTrainer {
  const own = Object.keys(now[name] ?? {}).filter((setting) => !COMMON_SETTINGS.has(setting));
  return {
    name,
    words: words.split(' '),
    settings: new Set([...own, ...before.split(' ').filter((setting) => setting !== '')]),
    ...(more.losses === undefined ? {} : { losses: more.losses.split(' ') }),
    ...(more.refused === undefined ? {} : { refused: more.refused }),
  };
}

/** The likelier first, where a file may be of several. */
export const TRL_TRAINERS: readonly TrlTrainer[] = [
  trainer('DPO', 'dpo', `${PAIRED_BEFORE} ${REFERENCE_BEFORE} reference_free rpo_alpha use_logits_to_keep use_num_logits_to_keep tools`, {
    losses:
      'sigmoid hinge ipo exo_pair nca_pair robust bco_pair sppo_hard aot aot_pair aot_unpaired apo_zero apo_down discopop sft sigmoid_norm kto_pair',
  }),
  trainer('ORPO', 'orpo', `${PAIRED_BEFORE} loss_type`, { losses: 'orpo' }),
  trainer('CPO', 'cpo', PAIRED_BEFORE, { losses: 'sigmoid hinge ipo simpo alphapo kto_pair cpo' }),
  // princeton-nlp/SimPO, whose recipes are TRL's with two settings of its own.
  trainer(
    'SimPO',
    'simpo',
    `${PAIRED_BEFORE} beta loss_type label_smoothing max_length disable_dropout dataset_num_proc gamma_beta_ratio sft_weight`,
    { losses: 'sigmoid hinge' },
  ),
  trainer('KTO', 'kto', `${PAIRED_BEFORE} ${REFERENCE_BEFORE}`, { losses: 'kto apo_zero_unpaired', refused: ONE_EACH }),
  trainer('SFT', 'sft', 'max_seq_length dataset_batch_size num_of_sequences chars_per_token use_liger', {
    losses: SUPERVISED,
    refused: 'it trains on single texts; Wishbone trains on pairs of responses. training.sft_steps trains on the chosen ones first',
  }),
  trainer('Reward', 'reward rm', 'max_length center_rewards_coefficient', {
    refused: 'it trains a model that scores responses; Wishbone trains the model that writes them, directly on the pairs',
  }),
  trainer('GRPO', 'grpo', 'max_prompt_length reward_funcs vllm_device use_vllm num_generations', {
    losses: SAMPLED,
    refused: GENERATES,
  }),
  trainer('RLOO', 'rloo', 'reward_model_path sft_model_path rloo_k kl_coef num_ppo_epochs total_episodes response_length', {
    refused: GENERATES,
  }),
  trainer(
    'PPO',
    'ppo',
    `reward_model_path sft_model_path num_ppo_epochs whiten_rewards kl_coef kl_estimator cliprange cliprange_value vf_coef gamma lam
     total_episodes local_rollout_forward_batch_size num_sample_generations response_length stop_token stop_token_id temperature
     missing_eos_penalty num_mini_batches adap_kl_ctrl init_kl_coef ppo_epochs mini_batch_size query_dataset`.replace(/\s+/g, ' '),
    { refused: GENERATES },
  ),
  trainer('OnlineDPO', 'online-dpo online_dpo onlinedpo', 'judge', { losses: 'sigmoid ipo', refused: GENERATES }),
  trainer(
    'NashMD',
    'nash-md nash_md nashmd nash',
    'beta max_length max_new_tokens judge reward_model_path temperature missing_eos_penalty mixture_coef',
    {
      refused: GENERATES,
    },
  ),
  trainer('XPO', 'xpo', 'beta max_length max_new_tokens judge reward_model_path temperature missing_eos_penalty alpha', {
    refused: GENERATES,
  }),
  trainer(
    'BCO',
    'bco',
    `${PAIRED_BEFORE} ${REFERENCE_BEFORE} beta max_length disable_dropout dataset_num_proc prompt_sample_size min_density_ratio max_density_ratio`,
    { losses: 'bco', refused: `${ONE_EACH}. The loss "bco_pair" is the same for pairs` },
  ),
  trainer(
    'PRM',
    'prm',
    'max_length max_prompt_length max_completion_length disable_dropout step_separator train_on_last_step_only dataset_num_proc',
    {
      refused: 'it trains a model that scores the steps of a response; Wishbone trains the model that writes them, on pairs',
    },
  ),
  trainer('TPO', 'tpo', '', {
    losses: 'sigmoid hinge ipo tpo-l',
    refused: 'it trains on three responses each, one of them a reference; Wishbone trains on pairs',
  }),
  trainer('GKD', 'gkd', '', { losses: SUPERVISED, refused: TEACHES }),
  trainer('GOLD', 'gold', '', { losses: SUPERVISED, refused: TEACHES }),
  trainer(
    'MiniLLM',
    'minillm',
    'rkl_advantage single_step_decomposition length_normalization kd_temperature single_step_distill_loss_coef',
    { refused: TEACHES },
  ),
  trainer('Distillation', 'distillation distill', '', { refused: TEACHES }),
  trainer('ServerDistillation', 'server-distillation server_distillation', '', { refused: TEACHES }),
  trainer('AsyncDistillation', 'async-distillation async_distillation', '', { refused: TEACHES }),
  trainer('SDFT', 'sdft', '', { refused: TEACHES }),
  trainer('SDPO', 'sdpo', '', { losses: SAMPLED, refused: TEACHES }),
  trainer('IWOPD', 'iw-opd iw_opd iwopd', '', { refused: TEACHES }),
  trainer('A2PO', 'a2po', '', { refused: GENERATES }),
  trainer('GMPO', 'gmpo', '', { losses: SAMPLED, refused: GENERATES }),
  trainer('AsyncGRPO', 'async-grpo async_grpo', '', { refused: GENERATES }),
];

/** Settings that tell one trainer from another: those that some have, and not all. */
export const TELLING: ReadonlySet<string> = new Set(TRL_TRAINERS.flatMap(({ settings }) => [...settings]));
