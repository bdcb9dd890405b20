// Looks at the first rows of files that may hold preference pairs. Started by `DatasetProbe`.
import type { ProbeCalls } from '../core/probe/dataset-probe.js';
import { probeDataset } from '../core/probe/probe-dataset.js';
import { processChannel, serve } from '../core/transport/index.js';

serve<ProbeCalls>(processChannel(), { probe: probeDataset });
