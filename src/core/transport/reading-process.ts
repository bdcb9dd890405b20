import type { Api } from './api.js';
import { Client, type ClientListener } from './client.js';
import type { Limits } from './limits.js';
import { startProcess } from './process.js';
import { workerBundle } from './thread.js';

/**
 * Starts the process of something that is open, such as a panel, which reads files that may come from anywhere. It keeps no other
 * process alive.
 *
 * @param worker name of a file in `src/workers`, which calls `serve(processChannel(), …)`
 * @param bundle where that was built to; by default beside the caller's own bundle
 * @throws Error when there is no such bundle
 */
export function startReading<Calls extends Api, Events extends Api = object>(
  worker: string,
  limits: Limits,
  listener: ClientListener<Events> = {},
  bundle = workerBundle(worker),
): Client<Calls, Events> {
  if (bundle === undefined) throw new Error(`there is no bundle of src/workers/${worker}.ts`);
  const channel = startProcess(bundle, { limits });
  const client = new Client<Calls, Events>(channel, listener);
  channel.keepAlive(false);
  return client;
}
