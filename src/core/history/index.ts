export { EVAL_COLUMNS, type EvalColumn, type EvalRow, type Pace, RunHistory, STEP_COLUMNS, type StepColumn } from './history.js';
export { type BestEvaluation, type Headline, headline } from './headline.js';
export { type CsvRun, historyCsv } from './csv.js';
export { type Divergence, divergences } from './divergence.js';
