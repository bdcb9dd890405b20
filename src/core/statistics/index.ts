export { type LengthControlled, lengthControlled } from './length-controlled.js';
export { type MeanInterval, meanInterval } from './mean-interval.js';
export { type PairedDifference, pairedBootstrap } from './paired-bootstrap.js';
export { unanimousInterval } from './unanimous.js';
export { studentTQuantile } from './student-t.js';
