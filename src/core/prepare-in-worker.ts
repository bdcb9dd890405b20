import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { WishboneError } from './errors.js';
import type { PlanSummary, RunRequest } from './prepare.js';
import type { CancelMessage, PrepareMessage, PrepareTask } from './prepare-messages.js';
import type { WorkOptions } from './progress.js';

/**
 * `prepareRun` in a thread of its own, so that a large dataset does not hold up the caller.
 *
 * Aborting asks the worker to stop; the promise rejects with the signal's reason once the worker has cleaned up.
 *
 * @param options.worker the bundled `src/workers/prepare.ts`; by default `workers/prepare.js` beside this bundle
 * @throws WishboneError as `prepareRun`
 */
export async function prepareRunInWorker(
  request: RunRequest,
  options: WorkOptions & { readonly worker?: string | undefined } = {},
): Promise<{ folder: string; summary: PlanSummary }> {
  const { signal, onProgress } = options;
  signal?.throwIfAborted();
  const task: PrepareTask = request;
  const worker = new Worker(options.worker ?? path.join(__dirname, 'workers', 'prepare.js'), { workerData: task });
  const cancel = (): void => worker.postMessage({ type: 'cancel' } satisfies CancelMessage);
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    return await new Promise((resolve, reject) => {
      worker.on('message', (message: PrepareMessage) => {
        switch (message.type) {
          case 'progress':
            onProgress?.(message.progress);
            break;
          case 'done':
            resolve({ folder: message.folder, summary: message.summary });
            break;
          case 'cancelled':
            reject(signal?.reason as Error);
            break;
          case 'bad':
            reject(new WishboneError(message.what, message.where, message.advice, message.exitCode));
            break;
          case 'fault':
            reject(Object.assign(new Error(message.message), { stack: message.stack }));
            break;
        }
      });
      worker.on('error', reject);
      // After its last message, this changes nothing.
      worker.on('exit', (code) => reject(new Error(`the worker ended early with code ${code}`)));
    });
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
}
