export { earlierPaces, type EarlierPace } from './earlier-pace.js';
export {
  Forecaster,
  type ForecastInput,
  type ForecastMeans,
  type ForecastState,
  type TimeForecast,
} from './forecaster.js';
export { type MemoryForecast, parseMemory, PlanScratch } from './memory.js';
export { forecastPlan, type PlanForecast, type PlanForecastRequest, type PredictedSpeedup, predictedSeconds } from './plan-forecast.js';
