import { measureSpeedup } from '../core/speedup/index.js';
import { serveTasks } from '../core/tasks.js';

serveTasks({ speedup: measureSpeedup });
