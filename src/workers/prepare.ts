import { prepareRun } from '../core/prepare/index.js';
import { serveTasks } from '../core/tasks/index.js';

serveTasks({ prepare: prepareRun });
