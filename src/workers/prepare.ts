import { prepareRun, writePlanned } from '../core/prepare/index.js';
import { serveTasks } from '../core/tasks/index.js';

serveTasks({ prepare: prepareRun, plan: writePlanned });
