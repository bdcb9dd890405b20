import { prepareRun } from '../core/prepare.js';
import { serveTasks } from '../core/tasks.js';

serveTasks({ prepare: prepareRun });
