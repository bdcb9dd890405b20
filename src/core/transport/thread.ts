import { existsSync } from 'node:fs';
import path from 'node:path';
import { type MessagePort, parentPort, Worker } from 'node:worker_threads';
import { type Channel, endingOnce, type OwnedChannel } from './channel.js';

/** Path of a bundle of `src/workers`, looked up from dist/ or dist/workers/; undefined if there is none, as in tests. */
export function workerBundle(name: string): string | undefined {
  if (typeof __dirname !== 'string') return undefined;
  const candidates = [path.join(__dirname, 'workers', `${name}.js`), path.join(__dirname, `${name}.js`)];
  return candidates.find((file) => existsSync(file));
}

/** Starts a thread that serves calls. @param worker name of a file in `src/workers`, or the path of its bundle */
export function startThread(worker: string): OwnedChannel {
  const file = path.isAbsolute(worker) ? worker : workerBundle(worker);
  if (file === undefined) throw new Error(`there is no bundle of src/workers/${worker}.ts`);
  const thread = new Worker(file);
  return {
    send: (message, transfer) => thread.postMessage(message, transfer),
    listen: (listener) => {
      const { onMessage, onEnd } = endingOnce(listener);
      thread.on('message', onMessage);
      thread.on('error', onEnd);
      thread.on('exit', (code) => onEnd(new Error(`the worker ended early with code ${code}`)));
    },
    kill: async () => void (await thread.terminate()),
    keepAlive: (stays) => (stays ? thread.ref() : thread.unref()),
  };
}

/** The started thread's end of {@link startThread}. */
export function threadChannel(): Channel {
  if (!parentPort) throw new Error('this file is a worker; it is not run by itself');
  return portChannel(parentPort);
}

/** One end of a `MessageChannel`. */
export function portChannel(port: MessagePort): Channel {
  return {
    send: (message, transfer) => port.postMessage(message, transfer),
    listen: ({ onMessage, onEnd }) => {
      port.on('message', onMessage);
      port.on('close', () => onEnd(new Error('the connection was closed')));
    },
    close: () => port.close(),
  };
}
