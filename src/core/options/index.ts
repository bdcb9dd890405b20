export type { Option, Options } from './option.js';
export { type Rule, ruleText, valueProblem } from './rule.js';
export { anyLoss, type Loss, LOSS_TYPES, lossesOf, lossesWith, lossRow, LOSSES, type LossType } from './losses.js';
export { type DecidedPlan, type LayoutOptions, LEAST_CAPACITY, type PlanOptions, type Sharing } from './plan-options.js';
export type { LearningRateSchedule, ParameterGroup, TrainingOptions } from './training/index.js';
export { forwardAgain, recomputedText, type RecomputedLayers } from './recompute.js';
export { type DecidedRunner, deviceCount, type RunnerOptions } from './runner-options.js';
export {
  DEFAULT_PLAN,
  DEFAULT_RUNNER,
  DEFAULT_TRAINING,
  DEFAULTS,
  hasFlag,
  isPathOption,
  OPTION_PATHS,
  optionChoices,
  optionKind,
  type OptionPath,
  optionProblem,
  optionRow,
  OPTIONS,
  type OptionValue,
  RUN_RULES,
  SECTION_RULES,
  type SectionName,
} from './sections.js';
export { checkOptions, checkTraining, LORA_OPTIONS } from './conflicts.js';
export { type Preset, presetById, PRESETS, suitedPreset } from './presets.js';
export {
  learningRateWarning,
  type RateOptions,
  rateReason,
  suitedLearningRate,
  usualLearningRates,
  withSuitedRate,
} from './learning-rate.js';
export { parseTargetModules } from './lora-targets.js';
export { numbersText, parseNumbers } from './number-list.js';
export { ruleTable } from './rule-table.js';
export { namedHere } from './trl-names.js';
