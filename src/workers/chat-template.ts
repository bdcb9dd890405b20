// Renders chat templates in a thread that can be ended, whatever a template does. Started by `TemplateEngine`.
import { workerData } from 'node:worker_threads';
import type { EngineTask } from '../core/tokenizer/jinja/protocol.js';
import { serveTemplates } from '../core/tokenizer/jinja/serve.js';

void serveTemplates(workerData as EngineTask);
