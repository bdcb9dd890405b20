import { existsSync } from 'node:fs';
import path from 'node:path';
import { type MessagePort, parentPort, Worker } from 'node:worker_threads';
import { type Channel, endingOnce, type OwnedChannel } from './channel.js';

/** A bundle of `src/workers`, as seen from a bundle in dist/ or in dist/workers/; undefined where there is none, as in tests. */
export function workerBundle(name: string): string | undefined {
  if (typeof __dirname !== 'string') return undefined;
  const candidates = [path.join(__dirname, 'workers', `${name}.js`), path.join(__dirname, `${name}.js`)];
  return candidates.find((file) => existsSync(file));
}

/** Starts a thread that serves. @param worker name of a file of `src/workers`, or the path of its bundle */
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

/** The thread's own end of what {@link startThread} gives. */
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
