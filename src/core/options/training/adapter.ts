import { option, type Options } from '../option.js';
import { FLAG, integer, map, number, oneOrList, pathOrNone, text } from '../rule.js';

const RANK = integer(1, 4096);
const ALPHA = number(0, 1e6, 'min');

/** LoRA: a low-rank adapter is trained, the model below it stays as it is and is the reference. Names are PEFT's. */
export const ADAPTER_OPTIONS = {
  use_peft: option({
    rule: FLAG,
    default: false,
    label: 'LoRA',
    help: 'train a LoRA adapter instead of all parameters',
    absent: 'default',
  }),
  lora_r: option({ rule: RANK, default: 16, label: 'Rank', help: 'rank of the adapters', absent: 'default' }),
  lora_alpha: option({
    rule: ALPHA,
    default: 32,
    label: 'LoRA alpha',
    help: "an adapter's output is multiplied by alpha / rank",
    absent: 'default',
  }),
  use_rslora: option({ rule: FLAG, default: false, label: 'rsLoRA', help: 'scale by alpha / sqrt(rank) instead', absent: 'default' }),
  lora_target_modules: option({
    rule: oneOrList(text(/\S/, 'the name of a linear layer, "all-linear" or a regular expression')),
    default: 'all-linear',
    label: 'Layers',
    help: 'linear layers that get an adapter: their names, all-linear, or a regular expression',
    absent: 'default',
  }),
  /** The first match counts. */
  lora_rank_pattern: option({
    rule: map(RANK),
    default: {},
    label: 'Other ranks',
    help: 'other ranks, by regular expression of a layer or the end of its name',
    absent: 'default',
    example: '{"down_proj": 32}',
  }),
  lora_alpha_pattern: option({
    rule: map(ALPHA),
    default: {},
    label: 'Other alphas',
    help: 'other alphas, by regular expression of a layer or the end of its name',
    absent: 'default',
    example: '{"down_proj": 64}',
  }),
  adapter_name_or_path: option({
    rule: pathOrNone,
    default: '',
    label: 'Start adapter',
    help: 'PEFT folder of an adapter to continue from; it decides rank, alpha and layers',
    absent: 'default',
    path: 'file',
  }),
  /** The adapter lies beside it. */
  merge_adapter: option({
    rule: FLAG,
    default: false,
    label: 'Merge',
    help: 'export the whole model with the adapter merged into it',
    absent: 'default',
  }),
} as const satisfies Options;
