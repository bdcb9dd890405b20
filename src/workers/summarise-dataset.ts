// Says what is in a preference file.
import { summariseDataset } from '../core/checks/dataset-summary.js';
import { serveTasks } from '../core/tasks/index.js';

serveTasks({ summarise: ({ file, options }, work) => summariseDataset(file, options, work) });
