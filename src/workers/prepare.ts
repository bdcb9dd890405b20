import { prepareRun } from '../core/prepare.js';
import { serveTasks } from '../core/tasks.js';
import { writePlanned } from '../core/write-planned.js';

serveTasks({ prepare: prepareRun, plan: writePlanned });
