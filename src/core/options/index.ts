export {
  DEFAULT_PLAN,
  DEFAULT_RUNNER,
  DEFAULT_TRAINING,
  EVAL_METRICS,
  type EvalMetric,
  type LayoutOptions,
  type LearningRateSchedule,
  LOSS_TYPES,
  type LossType,
  optionChoices,
  optionKind,
  type OptionPath,
  optionProblem,
  type ParameterGroup,
  PATH_OPTIONS,
  PLAN_FIELDS,
  type PlanOptions,
  RUNNER_FIELDS,
  type RunnerOptions,
  type Sharing,
  TRAINING_FIELDS,
  type TrainingOptions,
} from './options.js';
export { type OptionValue, type Rule, ruleText, valueProblem } from './rule.js';
export { LOSS_HELP, optionHelp, PLAN_HELP, RUNNER_HELP, TRAINING_HELP } from './option-help.js';
export {
  checkOptions,
  checkTraining,
  LORA_OPTIONS,
  WITH_DIVERGENCE,
  WITH_LABEL_SMOOTHING,
  WITHOUT_REFERENCE,
  WITHOUT_WEIGHTING,
} from './conflicts.js';
export { type Preset, presetById, PRESETS, suitedPreset } from './presets.js';
export { learningRateWarning, type RateOptions, rateReason, suitedLearningRate, usualLearningRates, withSuitedRate } from './learning-rate.js';
export { parseTargetModules } from './lora-targets.js';
