// Says what is in a preference file.
import { summariseDataset } from '../core/dataset-summary.js';
import { serveTasks } from '../core/tasks.js';

serveTasks({ summarise: ({ file, options }, work) => summariseDataset(file, options, work) });
