// Checks batches of rows. Started by `rowWorker`.
import { serveRows } from '../core/checks/rows-worker.js';
import { threadChannel } from '../core/transport/index.js';

serveRows(threadChannel());
