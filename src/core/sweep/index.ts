export { expandSweep, optionsOf } from './expand.js';
export { giveOrder, type Order, removeOrder, takeOrders } from './orders.js';
export { claimSweep, queueOf } from './process.js';
export { startSweep, type SweepStart } from './start.js';
export { readSweep, sweepFile, type SweepRecord, type TrialRecord, writeSweep } from './record.js';
export { type Contender, type Halving, halvingOf, type Rung, rungStep, type Standing, type Standings, standings } from './rungs.js';
export { allot, type Share } from './slots.js';
export { evaluationsOf } from './evaluations.js';
export { SEED, settingOf, type Trial } from './trial.js';
