import { DEFAULT_PLAN, DEFAULT_TRAINING, type PlanOptions, type TrainingOptions } from './config.js';

/** A named set of options to begin from. */
export interface Preset {
  readonly id: string;
  readonly label: string;
  readonly description: string;
  readonly plan: PlanOptions;
  readonly training: TrainingOptions;
}

/** Offered in this order; the first is the one for a first look. */
export const PRESETS: readonly Preset[] = [
  {
    id: 'quick',
    label: 'Quick check',
    description: 'For tiny models and first looks: learning shows within minutes',
    plan: { ...DEFAULT_PLAN, batch_size: 8, epochs: 3 },
    training: { ...DEFAULT_TRAINING, learning_rate: 2e-4, lr_scheduler_type: 'cosine', save_steps: 25 },
  },
  {
    id: 'standard',
    label: 'Standard',
    description: "TRL's learning rate of 1e-6 and linear decay, after a warm-up; 32 pairs a step",
    plan: DEFAULT_PLAN,
    training: DEFAULT_TRAINING,
  },
  {
    id: 'gentle',
    label: 'Gentle',
    description: 'For large datasets: learning rate 5e-7, cosine decay; 64 pairs a step',
    plan: { ...DEFAULT_PLAN, batch_size: 64 },
    training: { ...DEFAULT_TRAINING, learning_rate: 5e-7, lr_scheduler_type: 'cosine' },
  },
  {
    id: 'trl',
    label: 'As TRL',
    description: "TRL's own defaults: no warm-up, 8 pairs a step, 3 epochs, a checkpoint every 500 steps",
    plan: { ...DEFAULT_PLAN, batch_size: 8, epochs: 3 },
    training: { ...DEFAULT_TRAINING, warmup_ratio: 0, save_steps: 500, save_minutes: 0, save_final: true, save_total_limit: 0 },
  },
];

/** The preset with this id, or undefined. */
export function presetById(id: string): Preset | undefined {
  return PRESETS.find((preset) => preset.id === id);
}
