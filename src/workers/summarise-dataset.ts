// Runs `summariseDataset` off the main thread, for the Datasets view.
import { summariseDataset } from '../core/dataset-summary.js';
import { serveTask } from '../core/worker-task.js';

void serveTask((file: string, work) => summariseDataset(file, work));
