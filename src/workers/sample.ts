// Completes a prompt off the main thread: reading a tokenizer takes a second. For the panel "Try It".
import { tryPrompt, type TryRequest } from '../core/sample/try-prompt.js';
import { serveTask } from '../core/worker-task.js';

void serveTask((request: TryRequest, work) => tryPrompt(request, work));
