import type { PlanOptions } from './plan-options.js';
import { DEFAULT_PLAN, DEFAULT_TRAINING } from './sections.js';
import type { TrainingOptions } from './training/index.js';

/** A named set of options to begin from. */
export interface Preset {
  readonly id: string;
  readonly label: string;
  readonly description: string;
  readonly plan: PlanOptions;
  /** Its learning rate stands for one that is not known yet: without a size of the model there is none that suits. */
  readonly training: TrainingOptions;
  /** Of the learning rate that suits model and method (learning-rate.ts), this times. Absent: `training` names its own. */
  readonly rateFactor?: number;
}

/** Offered in this order; the first is the one for a first look. */
export const PRESETS: readonly Preset[] = [
  {
    id: 'quick',
    label: 'Quick check',
    description: 'For tiny models and a first look: shows learning within minutes',
    plan: { ...DEFAULT_PLAN, batch_size: 8, epochs: 3 },
    training: { ...DEFAULT_TRAINING, lr_scheduler_type: 'cosine', save_steps: 25 },
    rateFactor: 1,
  },
  {
    id: 'standard',
    label: 'Standard',
    description: 'One epoch, 32 pairs per step, warm-up and linear decay',
    plan: DEFAULT_PLAN,
    training: DEFAULT_TRAINING,
    rateFactor: 1,
  },
  {
    id: 'gentle',
    label: 'Gentle',
    description: 'For large datasets: half the usual learning rate, cosine decay, 64 pairs per step',
    plan: { ...DEFAULT_PLAN, batch_size: 64 },
    training: { ...DEFAULT_TRAINING, learning_rate: 5e-7, lr_scheduler_type: 'cosine' },
    rateFactor: 0.5,
  },
  {
    id: 'trl',
    label: 'Like TRL',
    description: 'The defaults of TRL: no warm-up, 8 pairs per step, 3 epochs, a checkpoint every 500 steps',
    plan: { ...DEFAULT_PLAN, batch_size: 8, epochs: 3 },
    training: { ...DEFAULT_TRAINING, warmup_ratio: 0, save_steps: 500, save_minutes: 0, save_final: true, save_total_limit: 0 },
  },
];

/** Models of fewer parameters are for first looks. */
const SMALL = 100e6;

/** The preset that suits a model: whoever has a large one wants no three epochs of it to begin with. */
export function suitedPreset(parameters: number | undefined): Preset {
  return PRESETS[parameters === undefined || parameters < SMALL ? 0 : 1]!;
}

/** The preset with this id, or undefined. */
export function presetById(id: string): Preset | undefined {
  return PRESETS.find((preset) => preset.id === id);
}
