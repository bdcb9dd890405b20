export { DatasetProbe, type Probed } from './dataset-probe.js';
export { probeDataset } from './probe-dataset.js';
