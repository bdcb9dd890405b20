// Checks preference files off the main thread. Started by `CheckWorker`.
import { parentPort } from 'node:worker_threads';
import type { CheckRequest } from '../core/checks/service/messages.js';
import { CheckService } from '../core/checks/service/service.js';

const port = parentPort;
if (!port) throw new Error('this file is a worker; it is not run by itself');
const service = new CheckService((response) => port.postMessage(response));
port.on('message', (request: CheckRequest) => service.receive(request));
