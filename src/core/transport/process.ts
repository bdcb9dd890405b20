import { fork } from 'node:child_process';
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { ExitCode, WishboneError } from '../errors.js';
import { getHeapStatistics } from 'node:v8';
import { isMainThread } from 'node:worker_threads';
import { type Channel, endingOnce, type OwnedChannel } from './channel.js';
import { hardLimit, LIMITED_VARIABLE } from './hard-limit.js';
import { type Breach, type Limits, watchLimits } from './limits.js';
import { endWithParent, PARENT_VARIABLE } from './outlived.js';
import { threadChannel } from './thread.js';

export interface ProcessOptions {
  /** Limit of its JavaScript heap in MiB; V8 aborts a process that needs more. Buffers do not count. */
  readonly heap?: number | undefined;
  /** What it may take before it is ended. */
  readonly limits?: Limits | undefined;
  /** More options of Node.js itself. */
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
    /** The limit that it has passed, and was ended for. */
    readonly breach: Breach | undefined = undefined,
  ) {
    super(`the process ended early with ${signal ?? `code ${code}`}`);
  }

  /** V8 prints the reason before it aborts. */
  get isOutOfMemory(): boolean {
    return this.breach === 'memory' || /out of memory|allocation failed|invalid size|unable to grow instance memory/i.test(this.stderr);
  }
}

/** Asks for a sign of life, and is one. */
const LIFE = 'life';

/** Most characters of a process's standard error that are kept. */
const MOST_STDERR = 4096;

/**
 * Starts a process that serves calls. If it runs out of memory, hangs or crashes, only that process is affected.
 *
 * @param file a bundle that calls `serve(processChannel(), …)`
 */
export function startProcess(file: string, { heap, limits, execArgv = [] }: ProcessOptions = {}): OwnedChannel {
  // V8 says why it ends; the kernel's limit does not.
  const mebibytes = heap ?? (limits && Math.floor(Math.min(limits.memory, getHeapStatistics().heap_size_limit) / 2 ** 20));
  const limit = limits === undefined ? [] : hardLimit(limits.memory);
  const [program = process.execPath, ...before] = limit.length === 0 ? [] : [...limit, process.execPath];
  const child = fork(file, {
    // Keeps typed arrays, maps and bigints intact.
    serialization: 'advanced',
    execPath: program,
    execArgv: [...before, ...(mebibytes === undefined ? [] : [`--max-old-space-size=${mebibytes}`]), ...execArgv],
    // In VS Code, `process.execPath` is Electron; this makes it behave as Node.js.
    env: {
      ...process.env,
      ELECTRON_RUN_AS_NODE: '1',
      [PARENT_VARIABLE]: String(process.pid),
      ...(limit.length === 0 ? {} : { [LIMITED_VARIABLE]: '1' }),
    },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  // There is none where the process could not be started.
  const stderr = child.stderr as (NonNullable<typeof child.stderr> & { ref(): void; unref(): void }) | undefined;
  let failure: Error | undefined;
  child.on('error', (error) => (failure ??= notStarted(error)));
  let told = '';
  stderr?.setEncoding('utf8').on('data', (text: string) => (told = (told + text).slice(-MOST_STDERR)));
  const gone = child.pid === undefined ? Promise.resolve() : once(child, 'close').catch(() => undefined);
  let breach: Breach | undefined;
  const watch =
    limits === undefined || child.pid === undefined
      ? undefined
      : watchLimits(
          child.pid,
          limits,
          () => void (child.connected && child.send(LIFE, () => undefined)),
          (passed) => {
            breach = passed;
            child.kill('SIGKILL');
          },
        );
  child.once('exit', () => watch?.stop());
  return {
    // If it is ending, the caller hears of that instead of an answer.
    send: (message) => void (child.connected && child.send(message as object, () => undefined)),
    listen: (listener) => {
      const { onMessage, onEnd } = endingOnce(listener);
      child.on('message', (message) => (message === LIFE ? watch?.answered() : onMessage(message)));
      child.on('error', () => onEnd(failure as Error));
      // Unlike `exit`, it comes after the last of what was sent and written.
      child.on('close', (code, signal) => onEnd(new ProcessEnded(code, signal, told, breach)));
    },
    kill: async () => {
      // Whoever waits for its end is not to end before.
      for (const each of [child, child.channel, stderr]) each?.ref();
      child.kill('SIGKILL');
      await gone;
    },
    keepAlive: (stays) => {
      for (const each of [child, child.channel, stderr]) stays ? each?.ref() : each?.unref();
    },
  };
}

/** Why no process could be started: what the system lets nobody have more of, in words. */
function notStarted(error: Error): Error {
  const { code } = error as NodeJS.ErrnoException;
  const what: Readonly<Record<string, readonly [string, string]>> = {
    EMFILE: ['too many files are open in this process', 'raise the limit (ulimit -n 1024)'],
    ENFILE: ['too many files are open on this machine', 'end programs that are not needed'],
    EAGAIN: ['no more processes may be started', 'raise the limit (ulimit -u), or end programs that are not needed'],
    ENOMEM: ['there is no memory for another process', 'end programs that are not needed'],
  };
  const known = what[code ?? ''];
  return known === undefined ? error : new WishboneError(known[0], 'this machine', known[1], ExitCode.outOfMemory);
}

/** The process's own end of what {@link startProcess} gives. The process ends when the one that started it does, whatever it is doing. */
export function processChannel(): Channel {
  if (process.send === undefined) throw new Error('this file serves another process; it is not run by itself');
  endWithParent();
  let isClosed = false;
  return {
    send: (message) => void (process.connected && process.send?.(message)),
    listen: ({ onMessage, onEnd }) => {
      process.on('message', (message) => (message === LIFE ? void (process.connected && process.send?.(LIFE)) : onMessage(message)));
      // Ctrl-C goes to all processes of a terminal; whoever started this one cancels what is to end.
      process.on('SIGINT', () => undefined);
      process.on('disconnect', () => {
        onEnd(new Error('the connection was closed'));
        if (!isClosed) process.exit();
      });
    },
    close: () => {
      isClosed = true;
      process.disconnect();
    },
    giveUp: (error) => {
      writeSync(process.stderr.fd, `out of memory: ${error.message}\n`);
      process.exit(ExitCode.outOfMemory);
    },
  };
}

/** The own end of a file that may be started as either. */
export function ownChannel(): Channel {
  return isMainThread ? processChannel() : threadChannel();
}
