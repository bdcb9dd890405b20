import { fork } from 'node:child_process';
import { once } from 'node:events';
import { type Channel, endingOnce, type OwnedChannel } from './channel.js';

export interface ProcessOptions {
  /** Limit of its JavaScript heap in MiB; V8 aborts a process that needs more. Buffers do not count. */
  readonly heap?: number | undefined;
  /** Further command-line options for Node.js. */
  readonly execArgv?: readonly string[] | undefined;
}

/** Says how a process ended unexpectedly. */
export class ProcessEnded extends Error {
  constructor(
    /** Exit code; null when a signal ended it. */
    readonly code: number | null,
    readonly signal: NodeJS.Signals | null,
    /** The last characters of its standard error. */
    readonly stderr: string,
  ) {
    super(`the process ended early with ${signal ?? `code ${code}`}`);
  }

  /** V8 prints the reason before it aborts. */
  get isOutOfMemory(): boolean {
    return /out of memory|allocation failed|invalid size/i.test(this.stderr);
  }
}

/** Number of characters of standard error to keep. */
const mostStderr = 4096;

/**
 * Starts a process that serves calls. If it runs out of memory, hangs or crashes, only that process is affected.
 *
 * @param file a bundle that calls `serve(processChannel(), …)`
 */
export function startProcess(file: string, { heap, execArgv = [] }: ProcessOptions = {}): OwnedChannel {
  const child = fork(file, {
    // Keeps typed arrays, maps and bigints intact.
    serialization: 'advanced',
    execArgv: [...(heap === undefined ? [] : [`--max-old-space-size=${heap}`]), ...execArgv],
    // In VS Code, `process.execPath` is Electron; this makes it behave as Node.js.
    env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const stderr = child.stderr as NonNullable<typeof child.stderr> & { ref(): void; unref(): void };
  let told = '';
  stderr.setEncoding('utf8').on('data', (text: string) => (told = (told + text).slice(-mostStderr)));
  const gone = once(child, 'close').catch(() => undefined);
  return {
    // If it is ending, the caller hears of that instead of an answer.
    send: (message) => void (child.connected && child.send(message as object, () => undefined)),
    listen: (listener) => {
      const { onMessage, onEnd } = endingOnce(listener);
      child.on('message', onMessage);
      child.on('error', onEnd);
      // Unlike `exit`, `close` comes after the last message and the last output.
      child.on('close', (code, signal) => onEnd(new ProcessEnded(code, signal, told)));
    },
    kill: async () => {
      child.kill('SIGKILL');
      await gone;
    },
    keepAlive: (stays) => {
      for (const each of [child, child.channel, stderr]) stays ? each?.ref() : each?.unref();
    },
  };
}

/** The started process's end of {@link startProcess}. The process exits when its parent does. */
export function processChannel(): Channel {
  if (process.send === undefined) throw new Error('this file serves another process; it is not run by itself');
  let isClosed = false;
  return {
    send: (message) => void (process.connected && process.send?.(message)),
    listen: ({ onMessage, onEnd }) => {
      process.on('message', onMessage);
      process.on('disconnect', () => {
        onEnd(new Error('the connection was closed'));
        if (!isClosed) process.exit();
      });
    },
    close: () => {
      isClosed = true;
      process.disconnect();
    },
  };
}
