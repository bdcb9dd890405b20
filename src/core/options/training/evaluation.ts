import { BEST_METRICS } from '../../../metrics.js';
import { option, type Options } from '../option.js';
import { choice, FLAG, integer, number } from '../rule.js';

/** Evaluations, the best model, and samples to read. */
export const EVALUATION_OPTIONS = {
  eval_steps: option({
    rule: integer(0),
    default: 0,
    label: 'Evaluate every',
    help: 'steps between evaluations; 0: never',
    absent: 'default',
    noMemory: true,
  }),
  load_best_model_at_end: option({
    rule: FLAG,
    default: false,
    label: 'Export the best',
    help: 'export the model of the best evaluation instead of the last',
    absent: 'default',
  }),
  metric_for_best_model: option({
    rule: choice(BEST_METRICS),
    default: 'eval_loss',
    label: 'Judged by',
    help: 'metric that decides which evaluation is the best',
    absent: 'default',
    noMemory: true,
  }),
  early_stopping_patience: option({
    rule: integer(0),
    default: 0,
    label: 'Patience',
    help: 'stop after this many evaluations without improvement; 0: never',
    absent: 'default',
    noMemory: true,
  }),
  early_stopping_threshold: option({
    rule: number(0, 1e9),
    default: 0,
    label: 'Minimum improvement',
    help: 'smaller gains do not count as an improvement',
    absent: 'default',
    noMemory: true,
  }),
  sample_steps: option({
    rule: integer(0),
    default: 0,
    label: 'Sample every',
    help: 'steps between samples (completions to read); 0: never',
    absent: 'default',
    noMemory: true,
  }),
  /** The first different ones of what is evaluated on, else trained on. */
  sample_count: option({
    rule: integer(1, 64),
    default: 4,
    label: 'Prompts sampled',
    help: 'how many prompts are sampled',
    absent: 'default',
    noMemory: true,
  }),
  sample_max_new_tokens: option({
    rule: integer(1, 4096),
    default: 64,
    label: 'Sample length',
    help: 'maximum tokens in a completion',
    absent: 'default',
    noMemory: true,
  }),
  sample_temperature: option({
    rule: number(0, 1000),
    default: 0,
    label: 'Sample temperature',
    help: '0: always the most likely token',
    absent: 'default',
    noMemory: true,
  }),
} as const satisfies Options;
