// Renders chat templates, in a thread that can be ended whatever a template does. Started by `TemplateEngine`.
import { workerData } from 'node:worker_threads';
import type { EngineConnection } from '../core/tokenizer/jinja/protocol.js';
import { serveTemplates } from '../core/tokenizer/jinja/serve.js';

serveTemplates(workerData as EngineConnection);
