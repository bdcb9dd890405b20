export { datasetName } from './dataset-name.js';
export { checkRunConfig, type DatasetReference, parseRunConfig, type RunConfig } from './config.js';
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
  runFolders,
  type Run,
  RUN_FILE,
  type RunListing,
  RUNS_FOLDER,
  type RunSettings,
} from './folder.js';
export { LABELS_FILE, LONGEST_NOTES, nameProblem, parseTags, readLabels, type RunLabels, tagsProblem, writeLabels } from './labels.js';
export { type MadeWith, madeWith } from './provenance.js';
export { type RepeatCommand, repeatCommand } from './repeat-command.js';
export { checkDiskSpace, diskNeed } from './disk.js';
export { FORECAST_FILE, type KeptForecast, readForecast, writeForecast } from './forecast-file.js';
export { rowOf } from './table-row.js';
export { readComparisonNotes, writeComparisonNotes } from './comparison-notes.js';
export { type ConfigDifference, configDifferences } from './config-diff.js';
export { type RunsChange, RunsWatcher } from './watch.js';
export { isActive, isResumable, runState, type RunState, stateOf } from './state.js';
export { type ProcessRecord, readProcessRecord } from './process-record.js';
export { unusedData, type UnusedData } from './unused-data.js';
