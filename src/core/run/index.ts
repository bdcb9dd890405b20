export {
  checkRunConfig,
  type DatasetReference,
  DEFAULT_PLAN,
  DEFAULT_RUNNER,
  DEFAULT_TRAINING,
  type LearningRateSchedule,
  optionChoices,
  optionKind,
  type OptionPath,
  optionProblem,
  type OptionValue,
  parseRunConfig,
  type PlanOptions,
  type RunConfig,
  type RunnerOptions,
  type Sharing,
  type TrainingOptions,
} from './config.js';
export { type Preset, presetById, PRESETS, suitedPreset } from './presets.js';
export { learningRateWarning, rateReason, suitedLearningRate, usualLearningRates, withSuitedRate } from './learning-rate.js';
export {
  activeRuns,
  createRunFolder,
  isAtWork,
  listRun,
  listRuns,
  LOG_FILE,
  newRunConfig,
  PLAN_FILE,
  readRun,
  type Run,
  RUN_FILE,
  type RunListing,
  RUNS_FOLDER,
  type RunSettings,
} from './folder.js';
export { LABELS_FILE, nameProblem, parseTags, readLabels, type RunLabels, tagsProblem, writeLabels } from './labels.js';
export { type MadeWith, madeWith } from './provenance.js';
export { type RepeatCommand, repeatCommand } from './repeat-command.js';
export { checkDiskSpace, diskNeed } from './disk.js';
export { isTerminal, parseEvent, type RunEvent, type RunPhase, type StartEvent, type StepEvent } from './events.js';
export { EVENTS_FILE, followEvents, type LogState, readEvents } from './event-reader.js';
export { EVAL_COLUMNS, type EvalColumn, type EvalRow, type Pace, RunHistory, STEP_COLUMNS, type StepColumn } from './history.js';
export { type BestModel, bestModel, exportBest } from './best-model.js';
export { type BestEvaluation, type Headline, headline } from './headline.js';
export { type CsvRun, historyCsv } from './csv.js';
export { type Divergence, divergences } from './divergence.js';
export { type ConfigDifference, configDifferences } from './config-diff.js';
export { type RunsChange, RunsWatcher } from './watch.js';
export { crashAdvice, type Ended } from './crash-advice.js';
export { isActive, isResumable, runState, type RunState, stateOf } from './state.js';
export { askBackends, autoBackend, type BackendInfo, type DeviceInfo, parseBackends, runnerBackends } from './runner-info.js';
export { type ProcessRecord, readProcessRecord } from './process-record.js';
export {
  exitText,
  lastLogLines,
  locateRunner,
  parseRunnerError,
  startRunner,
  type StartOptions,
  stopRunner,
  useRunner,
} from './runner.js';
export { unusedData, type UnusedData } from './unused-data.js';
