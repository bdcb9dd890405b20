import { option, type Options } from '../option.js';
import { choice, integer, list, number, object, optional, text } from '../rule.js';

const LEARNING_RATE = number(0, 1);
const WEIGHT_DECAY = number(0, 10);
/** Still below 1 in f32; at 1 the bias correction divides by zero. */
const ADAM_BETA = number(0, 0.9999999);
/** A normal number in f32; at 0 a parameter that has had no gradient yet divides zero by zero. */
const ADAM_EPSILON = number(1e-30, 1);

/** Learning rate and AdamW. */
export const OPTIMIZER_OPTIONS = {
  learning_rate: option({
    rule: LEARNING_RATE,
    default: 1e-6,
    label: 'Learning rate',
    help: 'peak learning rate, reached after warm-up',
    byModel: 'by model and method',
    noMemory: true,
  }),
  lr_scheduler_type: option({
    rule: choice(['constant', 'linear', 'cosine', 'warmup_stable_decay']),
    default: 'linear',
    label: 'Schedule',
    help: 'how the learning rate decays after warm-up',
    noMemory: true,
  }),
  warmup_ratio: option({
    rule: number(0, 1),
    default: 0.1,
    label: 'Warm-up',
    help: 'fraction of the steps spent raising the learning rate',
    noMemory: true,
  }),
  warmup_steps: option({
    rule: integer(-1),
    default: -1,
    label: 'Warm-up steps',
    help: 'warm-up steps, overriding warmup_ratio; 0: no warm-up; -1: use the ratio',
    absent: 'default',
    noMemory: true,
  }),
  num_decay_steps: option({
    rule: integer(0),
    default: 0,
    label: 'Decay steps',
    help: 'warmup_stable_decay: length of the final decay',
    absent: 'default',
    noMemory: true,
  }),
  decay_type: option({
    rule: choice(['linear', 'cosine', '1-sqrt']),
    default: 'cosine',
    label: 'Decay',
    help: 'warmup_stable_decay: shape of the decay',
    absent: 'default',
    noMemory: true,
  }),
  min_lr_ratio: option({
    rule: number(0, 1),
    default: 0,
    label: 'Minimum rate',
    help: 'warmup_stable_decay: final rate as a fraction of the peak',
    absent: 'default',
    noMemory: true,
  }),
  weight_decay: option({ rule: WEIGHT_DECAY, default: 0, label: 'Weight decay', help: 'AdamW weight decay', noMemory: true }),
  adam_beta1: option({ rule: ADAM_BETA, default: 0.9, label: 'AdamW beta 1', help: 'AdamW beta1', noMemory: true }),
  adam_beta2: option({ rule: ADAM_BETA, default: 0.999, label: 'AdamW beta 2', help: 'AdamW beta2', noMemory: true }),
  adam_epsilon: option({ rule: ADAM_EPSILON, default: 1e-8, label: 'AdamW epsilon', help: 'AdamW epsilon', noMemory: true }),
  max_grad_norm: option({
    rule: number(0, 1e9),
    default: 1,
    label: 'Gradient norm limit',
    help: 'gradients are clipped to this norm; 0: no clipping',
    noMemory: true,
  }),
  /** `bfloat16` rounds stochastically. */
  adam_moments: option({
    rule: choice(['float32', 'bfloat16']),
    default: 'float32',
    label: 'AdamW moments',
    help: 'number format of the AdamW moments; bfloat16: half the memory, GPU only',
    absent: 'default',
  }),
  /** By Hugging Face names; `*` stands for any text, and the first match counts. */
  parameter_groups: option({
    rule: list(
      object({
        pattern: text(/\S/, 'a pattern of parameter names'),
        learning_rate: optional(LEARNING_RATE),
        weight_decay: optional(WEIGHT_DECAY),
      }),
    ),
    default: [],
    label: 'Parameter groups',
    help: 'separate learning rates and weight decay by parameter name',
    absent: 'default',
    example: '[{"pattern": "*.bias", "learning_rate": 1e-6, "weight_decay": 0}]; the first match wins',
  }),
} as const satisfies Options;
