import { option, type Options } from '../option.js';
import { FLAG, integer, number } from '../rule.js';

/** When checkpoints are written, and which are kept. A stop before the end writes one whatever these say. */
export const CHECKPOINT_OPTIONS = {
  save_steps: option({
    rule: integer(0),
    default: 0,
    label: 'Checkpoint every steps',
    help: 'steps between checkpoints; 0: by time only',
    noMemory: true,
  }),
  save_minutes: option({
    rule: number(0, 1e6),
    default: 10,
    label: 'Checkpoint every',
    help: 'minutes between checkpoints; 0: by steps only',
    absent: { means: 0 },
    noMemory: true,
  }),
  /** The exported model is written anyway, and nothing goes on from this one. */
  save_final: option({
    rule: FLAG,
    default: false,
    label: 'Checkpoint at the end',
    help: 'also write a checkpoint after the last step',
    absent: { means: true },
    noMemory: true,
  }),
  save_total_limit: option({
    rule: integer(0, 10000),
    default: 2,
    label: 'Checkpoints kept',
    help: 'number of checkpoints to keep; 0: all',
    noMemory: true,
  }),
} as const satisfies Options;
