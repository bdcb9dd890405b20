import { measureSpeedup } from '../core/speedup/index.js';
import { serveTasks } from '../core/tasks/index.js';

serveTasks({ speedup: measureSpeedup });
