import { tryPrompt } from '../core/sample/try-prompt.js';
import { serveTasks } from '../core/tasks/index.js';

serveTasks({ sample: tryPrompt });
