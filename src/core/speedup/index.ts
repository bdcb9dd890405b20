export {
  listSpeedups,
  parseSpeedup,
  saveSpeedup,
  speedupRecord,
  type SpeedupRecord,
  SPEEDUPS_FOLDER,
  type StoredSpeedup,
} from './history.js';
export {
  measureSpeedup,
  median,
  type PhaseSeconds,
  type SpeedupRequest,
  type SpeedupResult,
} from './measure.js';
