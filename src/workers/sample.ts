import { tryPrompt } from '../core/sample/try-prompt.js';
import { serveTasks } from '../core/tasks.js';

serveTasks({ sample: tryPrompt });
