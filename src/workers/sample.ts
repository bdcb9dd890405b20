import { decodeSamples, sampleRun } from '../core/sample/index.js';
import { serveTasks } from '../core/tasks/index.js';

serveTasks({ samples: sampleRun, decode: decodeSamples });
