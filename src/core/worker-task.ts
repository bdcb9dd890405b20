import path from 'node:path';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { BadRowError, type ExitCode, WishboneError } from './errors.js';
import type { Progress, WorkOptions } from './progress.js';

/** What a worker sends. Exactly one message that is not `progress`, as its last. */
type TaskMessage<Result> =
  | { readonly type: 'progress'; readonly progress: Progress }
  | { readonly type: 'done'; readonly result: Result }
  | { readonly type: 'cancelled' }
  | {
      readonly type: 'bad';
      readonly what: string;
      readonly where: string;
      readonly advice: string;
      readonly exitCode: ExitCode;
      readonly isBadRow: boolean;
    }
  /** A fault of ours. */
  | { readonly type: 'fault'; readonly message: string; readonly stack: string };

/**
 * Does a task in a thread of its own, so that it does not hold up the caller. Aborting asks the worker to stop; the
 * promise rejects with the signal's reason once the worker has cleaned up.
 *
 * @param name of a bundle of `src/workers`, which calls {@link serveTask}
 * @param task what that takes; must be cloneable
 * @throws WishboneError what the task throws
 */
export async function runInWorker<Task, Result>(name: string, task: Task, work: WorkOptions = {}): Promise<Result> {
  const { signal, onProgress } = work;
  signal?.throwIfAborted();
  const worker = new Worker(path.join(__dirname, 'workers', `${name}.js`), { workerData: task });
  const cancel = (): void => worker.postMessage('cancel');
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    return await new Promise((resolve, reject) => {
      worker.on('message', (message: TaskMessage<Result>) => {
        switch (message.type) {
          case 'progress':
            return onProgress?.(message.progress);
          case 'done':
            return resolve(message.result);
          case 'cancelled':
            return reject(signal?.reason as Error);
          case 'bad':
            return reject(errorOf(message));
          case 'fault':
            return reject(Object.assign(new Error(message.message), { stack: message.stack }));
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

/** The worker's side of {@link runInWorker}: does the one task that this thread was started for. */
export async function serveTask<Task, Result>(
  perform: (task: Task, work: WorkOptions) => Promise<Result>,
): Promise<void> {
  const port = parentPort;
  if (!port) throw new Error('this file is a worker; it is not run by itself');
  const send = (message: TaskMessage<Result>): void => port.postMessage(message);
  const cancel = new AbortController();
  port.on('message', () => cancel.abort());
  try {
    const result = await perform(workerData as Task, {
      onProgress: (progress) => send({ type: 'progress', progress }),
      signal: cancel.signal,
    });
    send({ type: 'done', result });
  } catch (error) {
    send(described(error, cancel.signal));
  } finally {
    // An open port would keep the thread alive.
    port.close();
  }
}

function errorOf({ what, where, advice, exitCode, isBadRow }: TaskMessage<never> & { type: 'bad' }): WishboneError {
  const Kind = isBadRow ? BadRowError : WishboneError;
  return new Kind(what, where, advice, exitCode);
}

function described(error: unknown, signal: AbortSignal): TaskMessage<never> {
  if (signal.aborted && (error === signal.reason || (error as Error).name === 'AbortError')) return { type: 'cancelled' };
  if (error instanceof WishboneError) {
    const { what, where, advice, exitCode } = error;
    return { type: 'bad', what, where, advice, exitCode, isBadRow: error instanceof BadRowError };
  }
  const fault = error instanceof Error ? error : new Error(String(error));
  return { type: 'fault', message: fault.message, stack: fault.stack ?? '' };
}
