import type { ValuesOf } from '../option.js';
import { ADAPTER_OPTIONS } from './adapter.js';
import { CHECKPOINT_OPTIONS } from './checkpoints.js';
import { EVALUATION_OPTIONS } from './evaluation.js';
import { EXPORT_OPTIONS } from './export.js';
import { LOSS_OPTIONS } from './loss.js';
import { OPTIMIZER_OPTIONS } from './optimizer.js';
import { REFERENCE_OPTIONS } from './reference.js';

/** How the weights are trained. Names and defaults follow TRL's `DPOConfig` where a thing is the same. */
export const TRAINING_OPTIONS = {
  ...LOSS_OPTIONS,
  ...OPTIMIZER_OPTIONS,
  ...ADAPTER_OPTIONS,
  ...REFERENCE_OPTIONS,
  ...EVALUATION_OPTIONS,
  ...CHECKPOINT_OPTIONS,
  ...EXPORT_OPTIONS,
};

export interface TrainingOptions extends ValuesOf<typeof TRAINING_OPTIONS> {}

export type LearningRateSchedule = TrainingOptions['lr_scheduler_type'];
export type ParameterGroup = TrainingOptions['parameter_groups'][number];
