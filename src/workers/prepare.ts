// Runs `prepareRun` off the main thread. Started by `prepareRunInWorker`.
import { parentPort, workerData } from 'node:worker_threads';
import { WishboneError } from '../core/errors.js';
import { prepareRun } from '../core/prepare.js';
import type { CancelMessage, PrepareMessage, PrepareTask } from '../core/prepare-messages.js';

async function main(): Promise<void> {
  const port = parentPort;
  if (!port) throw new Error('this file is a worker; it is not run by itself');
  const send = (message: PrepareMessage): void => port.postMessage(message);
  const cancel = new AbortController();
  port.on('message', (message: CancelMessage) => {
    if (message.type === 'cancel') cancel.abort();
  });
  try {
    const result = await prepareRun(workerData as PrepareTask, {
      onProgress: (progress) => send({ type: 'progress', progress }),
      signal: cancel.signal,
    });
    send({ type: 'done', ...result });
  } catch (error) {
    send(describe(error, cancel.signal));
  } finally {
    // An open port would keep the thread alive.
    port.close();
  }
}

function describe(error: unknown, signal: AbortSignal): PrepareMessage {
  if (signal.aborted && error === signal.reason) return { type: 'cancelled' };
  if (error instanceof WishboneError) {
    const { what, where, advice, exitCode } = error;
    return { type: 'bad', what, where, advice, exitCode };
  }
  const fault = error instanceof Error ? error : new Error(String(error));
  return { type: 'fault', message: fault.message, stack: fault.stack ?? '' };
}

void main();
