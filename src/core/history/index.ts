export { type EvalRow, type Pace, RunHistory, type SourceColumns } from './history.js';
export { type BestEvaluation, type Headline, headline } from './headline.js';
export { TIME_WORDS, type TimePhase, type TimeSpent, trainingShare } from './phase-clock.js';
export type { RankTimes } from './ranks.js';
export { type CsvRun, historyCsv } from './csv.js';
export { type Divergence, divergences } from './divergence.js';
