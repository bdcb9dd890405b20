// Checks preference files off the main thread. Started by `CheckWorker`.
import { parentPort } from 'node:worker_threads';
import type { CheckRequest } from '../core/checks/service/messages.js';
import { CheckService } from '../core/checks/service/service.js';
import { GiveWay } from '../core/give-way.js';

const port = parentPort;
if (!port) throw new Error('this file is a worker; it is not run by itself');
// A large file is checked in the background; the window is not to wait for it.
const service = new CheckService((response) => port.postMessage(response), new GiveWay());
port.on('message', (request: CheckRequest) => service.receive(request));
