export { cpu, gpu, h200, type DeviceSpeed } from './device.js';
export {
  binCost,
  naiveBinCost,
  planCost,
  stepCost,
  sumSeconds,
  sumSteps,
  type BaselineCost,
  type Cost,
  type CostedPlan,
  type StepCost,
} from './plan-cost.js';
export { countTiles, TILE_SIZE, type TileCounts } from './tiles.js';
export {
  additiveSeconds,
  binSeconds,
  stepSeconds,
  type AdditiveTime,
  type Passes,
  type Seconds,
  type TimedTraining,
  type TimeOptions,
} from './time.js';
