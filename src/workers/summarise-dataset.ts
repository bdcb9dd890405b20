import { summariseDataset } from '../core/dataset-summary.js';
import { serveTasks } from '../core/tasks.js';

serveTasks({ summarise: summariseDataset });
