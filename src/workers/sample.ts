import { decodeSamples, sampleRun, tryPrompt } from '../core/sample/index.js';
import { serveTasks } from '../core/tasks/index.js';

serveTasks({ sample: tryPrompt, samples: sampleRun, decode: decodeSamples });
