export { expandSweep, optionsOf, type Trial } from './expand.js';
export { readSweep, sweepFile, type SweepRecord, type TrialRecord, writeSweep } from './record.js';
