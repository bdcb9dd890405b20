import { summariseDataset } from '../core/checks/dataset-summary.js';
import { serveTasks } from '../core/tasks/index.js';

serveTasks({ summarise: summariseDataset });
