import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { build } from 'esbuild';
import type { Channel, ChannelListener, OwnedChannel } from '../../../src/core/transport/channel.js';

/** Both ends of a connection within this thread: what is sent at one is heard at the other at once. */
export function channelPair(): [client: OwnedChannel, server: Channel] {
  let client: ChannelListener | undefined;
  let server: ChannelListener | undefined;
  const end = (): void => {
    server?.onEnd(new Error('ended'));
    client?.onEnd(new Error('ended'));
  };
  return [
    {
      send: (message) => server?.onMessage(structuredClone(message)),
      listen: (listener) => (client = listener),
      kill: async () => end(),
      keepAlive: () => undefined,
    },
    {
      send: (message) => client?.onMessage(structuredClone(message)),
      listen: (listener) => (server = listener),
      close: end,
    },
  ];
}

/** A file beside this one, bundled for a thread or process. */
export async function bundled(t: TestContext, name: string): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'wishbone-transport-'));
  t.after(() => rm(folder, { recursive: true }));
  const outfile = path.join(folder, 'served.js');
  const entry = path.join(import.meta.dirname, name);
  await build({ entryPoints: [entry], bundle: true, platform: 'node', format: 'cjs', outfile, logLevel: 'error' });
  return outfile;
}
