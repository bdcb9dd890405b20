export { type CapacityMeans, type CapacityRequest, suitedCapacity } from './capacity.js';
export { cardForecast, cardForecasts, type CardForecast, CARDS_CONNECTION } from './cards.js';
export { decideRun, type DecidedRun, type UndecidedRun } from './decide-run.js';
export { earlierRuns, type EarlierRun } from './earlier-runs.js';
export { type Fit, modelFit } from './fits.js';
export {
  Forecaster,
  type ForecastInput,
  type ForecastMeans,
  type ForecastState,
} from './forecaster.js';
export { type MemoryForecast, parseMemory, PlanScratch } from './memory.js';
export { forecastPlan, type PlanForecast, type PlanForecastRequest, type PredictedSpeedup } from './plan-forecast.js';
export { planSeconds } from './plan-seconds.js';
export { forecastRun, forecastRunAndCards, type RunForecastRequest } from './run-forecast.js';
export { checkpointCount, type ModelSize, runTime, type RunTime, type RunTimeRequest, writtenBytes } from './run-time.js';
