import { WishboneError } from '../errors.js';
import { anyLoss, LOSSES, lossesOf, lossesWith } from './losses.js';
import type { PlanOptions } from './plan-options.js';
import type { RunnerOptions } from './runner-options.js';
import { DEFAULT_TRAINING } from './sections.js';
import type { ADAPTER_OPTIONS } from './training/adapter.js';
import type { TrainingOptions } from './training/index.js';

/** What an adapter that training goes on from decides itself. */
const LORA_SHAPE = [
  'lora_r',
  'lora_alpha',
  'use_rslora',
  'lora_target_modules',
  'lora_rank_pattern',
  'lora_alpha_pattern',
] as const satisfies readonly (keyof typeof ADAPTER_OPTIONS)[];
/** Options that do nothing without `use_peft`. */
export const LORA_OPTIONS = [...LORA_SHAPE, 'adapter_name_or_path', 'adapter_reference', 'merge_adapter'] as const;

function isDefault(training: TrainingOptions, option: keyof TrainingOptions): boolean {
  return JSON.stringify(training[option]) === JSON.stringify(DEFAULT_TRAINING[option]);
}

/**
 * Refuses options that are each good but contradict each other, before any work starts. The runner makes the same
 * checks (native-runner/src/run/config/training_config.cpp).
 *
 * @param evaluates there is a dataset to evaluate on
 * @throws WishboneError naming the option
 */
export function checkTraining(training: TrainingOptions, evaluates: boolean): void {
  const losses = lossesOf(training.loss_type);
  const compares = anyLoss(losses, 'reference');
  const refuse = (when: boolean, option: keyof TrainingOptions, what: string, advice: string): void => {
    if (when) throw new WishboneError(what, `training.${option}`, advice);
  };
  const count = training.loss_weights.length;
  refuse(
    count > 0 && count !== losses.length,
    'loss_weights',
    `there ${count === 1 ? 'is 1 weight' : `are ${count} weights`} for ${losses.length === 1 ? '1 loss' : `${losses.length} losses`}`,
    'give one weight per loss, or none (all 1)',
  );
  refuse(
    count > 0 && training.loss_weights.every((weight) => weight === 0),
    'loss_weights',
    'all weights are 0, so nothing would be trained',
    'give at least one loss a weight above 0, or none (all 1)',
  );
  const stranger = losses.find((loss) => !LOSSES[loss].divergence);
  refuse(
    training.f_divergence_type !== 'reverse_kl' && stranger !== undefined,
    'f_divergence_type',
    `the loss "${stranger}" does not support this divergence`,
    `use "reverse_kl", or only losses of ${lossesWith('divergence').join(', ')}`,
  );
  const unweighted = losses.find((loss) => !LOSSES[loss].weighting);
  refuse(
    training.use_weighting && unweighted !== undefined,
    'use_weighting',
    `the loss "${unweighted}" cannot be combined with WPO weighting`,
    'set use_weighting to false, or leave that loss out',
  );
  refuse(
    training.ld_alpha !== 1 && !compares,
    'ld_alpha',
    'LD-DPO needs a loss that compares with a reference',
    'remove ld_alpha, or use such a loss, for example sigmoid',
  );
  refuse(
    training.label_smoothing !== 0 && !anyLoss(losses, 'labelSmoothing'),
    'label_smoothing',
    'none of the losses takes label smoothing',
    `set it to 0, or use one of ${lossesWith('labelSmoothing').join(', ')}`,
  );
  refuse(
    losses.includes('exo_pair') && training.label_smoothing === 0,
    'label_smoothing',
    'the loss "exo_pair" needs label smoothing above 0',
    'set it to 0.001, as the paper does',
  );
  refuse(
    losses.includes('robust') && training.label_smoothing >= 0.5,
    'label_smoothing',
    'the loss "robust" needs label smoothing below 0.5: it is the probability that a label is flipped',
    'set it to 0.1, as the paper does',
  );
  refuse(
    training.sync_ref_model && !compares,
    'sync_ref_model',
    'the loss uses no reference, so there is none to move towards the policy',
    'set sync_ref_model to false, or use a loss with a reference, for example sigmoid',
  );
  refuse(
    training.sync_ref_model && training.reference === 'precompute',
    'sync_ref_model',
    'a reference that moves towards the policy cannot be computed up front',
    'set reference to "in_step"',
  );
  for (const option of LORA_OPTIONS)
    refuse(
      !training.use_peft && !isDefault(training, option),
      option,
      'this needs use_peft: without it there is no adapter',
      'set use_peft to true, or remove this',
    );
  for (const option of LORA_SHAPE)
    refuse(
      training.adapter_name_or_path !== '' && !isDefault(training, option),
      option,
      'the adapter that training continues from decides this',
      'remove it, or remove adapter_name_or_path to start a new adapter',
    );
  refuse(
    training.use_peft && training.sync_ref_model,
    'sync_ref_model',
    'the model below an adapter is the reference and does not change',
    'set sync_ref_model to false, or use_peft to false',
  );
  refuse(
    training.use_peft && training.sft_steps > 0 && compares && training.reference === 'in_step' && training.reference_model === '',
    'sft_steps',
    'with an adapter, the reference after supervised steps must be computed before the preference steps',
    'set reference to "precompute"',
  );
  refuse(
    training.reference_model !== '' && !compares,
    'reference_model',
    'the loss uses no reference',
    'remove reference_model, or use a loss with a reference, for example sigmoid',
  );
  refuse(
    (training.lr_scheduler_type === 'warmup_stable_decay') !== training.num_decay_steps > 0,
    'num_decay_steps',
    'num_decay_steps and lr_scheduler_type "warmup_stable_decay" belong together',
    'give both, or neither',
  );
  refuse(
    training.eval_steps > 0 && !evaluates,
    'eval_steps',
    'there is nothing to evaluate on',
    'give an eval dataset, or set eval_steps to 0',
  );
  refuse(
    evaluates && training.eval_steps === 0,
    'eval_steps',
    'an eval dataset is given, but eval_steps is 0',
    'set eval_steps, for example to 50',
  );
  for (const option of ['load_best_model_at_end', 'early_stopping_patience'] as const)
    refuse(
      Number(training[option]) > 0 && training.eval_steps === 0,
      option,
      'without evaluation, no model is the best',
      'set eval_steps and give an eval dataset',
    );
  refuse(
    training.sft_steps > 0 && losses.every((loss) => loss === 'sft'),
    'sft_steps',
    'the whole run is supervised already',
    'remove sft_steps, or add a preference loss',
  );
}

/**
 * The same, and what the parts of a run say against each other.
 *
 * @throws WishboneError naming the option
 */
export function checkOptions(
  { plan, training, runner }: { readonly plan: PlanOptions; readonly training: TrainingOptions; readonly runner: RunnerOptions },
  evaluates: boolean,
): void {
  checkTraining(training, evaluates);
  const refuse = (when: boolean, option: string, what: string, advice: string): void => {
    if (when) throw new WishboneError(what, option, advice);
  };
  refuse(
    training.adam_moments === 'bfloat16' && runner.backend === 'cpu',
    'training.adam_moments',
    'bfloat16 moments need a GPU, but the backend is "cpu"',
    'set adam_moments to "float32", or backend to "cuda"',
  );
  refuse(
    runner.precision === 'fp8' && runner.backend === 'cpu',
    'runner.precision',
    'FP8 needs a Hopper GPU (H100, H200), but the backend is "cpu"',
    'set precision to "bf16", or backend to "cuda"',
  );
  refuse(
    Array.isArray(runner.devices) && runner.backend === 'cpu',
    'runner.devices',
    'GPUs are named for a run on the CPU',
    'give a number of devices, or the backend "cuda"',
  );
  refuse(runner.device !== 0 && Array.isArray(runner.devices), 'runner.devices', 'both device and devices name GPUs', 'remove device');
  refuse(
    plan.order === 'prefix' && plan.sharing !== 'tree',
    'plan.order',
    `pairs are brought together by what they share, but sharing "${plan.sharing}" computes it for each pair`,
    'set sharing to "tree", or order to "shuffle"',
  );
  refuse(
    plan.max_steps > 0 && training.sft_steps >= plan.max_steps,
    'training.sft_steps',
    `all ${plan.max_steps} steps of the run are supervised ones`,
    'raise max_steps, or lower sft_steps',
  );
  const [warmup, decay] = [Math.max(0, training.warmup_steps), training.num_decay_steps];
  refuse(
    plan.max_steps > 0 && decay === 0 && warmup > plan.max_steps,
    'training.warmup_steps',
    `warm-up takes ${warmup} steps, but the run has ${plan.max_steps}`,
    'raise max_steps, or lower warmup_steps',
  );
  refuse(
    plan.max_steps > 0 && warmup + decay > plan.max_steps,
    'training.num_decay_steps',
    `warm-up and decay take ${warmup + decay} steps, but the run has ${plan.max_steps}`,
    'raise max_steps, or lower warmup_steps or num_decay_steps',
  );
}
