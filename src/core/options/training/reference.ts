import { option, type Options } from '../option.js';
import { choice, FLAG, integer, number, pathOrNone } from '../rule.js';

/** What the policy is held to. */
export const REFERENCE_OPTIONS = {
  /** `in_step` keeps the start model in memory. */
  reference: option({
    rule: choice(['precompute', 'in_step']),
    default: 'precompute',
    label: 'Reference',
    help: 'precompute: reference log-probabilities before the first step; in_step: in every step',
  }),
  adapter_reference: option({
    rule: choice(['adapter', 'base']),
    default: 'adapter',
    label: 'Reference for the start adapter',
    help: 'for a run that continues from an adapter: a frozen copy of it, as in TRL, or the base model without it',
    absent: { means: 'base' },
  }),
  reference_model: option({
    rule: pathOrNone,
    default: '',
    label: 'Reference model',
    help: 'Hugging Face folder of the reference; default: the model itself before training',
    absent: 'default',
    path: 'folder',
  }),
  sync_ref_model: option({
    rule: FLAG,
    default: false,
    label: 'TR-DPO',
    help: 'TR-DPO: move the reference towards the policy during training; needs reference in_step',
    absent: 'default',
  }),
  ref_model_mixup_alpha: option({
    rule: number(0, 1),
    default: 0.6,
    label: 'TR-DPO mix',
    help: 'TR-DPO: how far it moves each time',
    absent: 'default',
  }),
  ref_model_sync_steps: option({
    rule: integer(1),
    default: 512,
    label: 'TR-DPO steps',
    help: 'TR-DPO: steps between moves',
    absent: 'default',
  }),
  /** What they lead to is the reference. */
  sft_steps: option({
    rule: integer(0),
    default: 0,
    label: 'SFT steps',
    help: 'steps on the chosen responses only, before preference training',
    absent: 'default',
  }),
} as const satisfies Options;
