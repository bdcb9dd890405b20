// What the tests of the transport ask, in a thread or in a process: whichever this was started as.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread } from 'node:worker_threads';
import { BadRowError, ExitCode, WishboneError } from '../../../src/core/errors.js';
import { liftedLimit } from '../../../src/core/transport/hard-limit.js';
import { Moved, processChannel, serve, threadChannel } from '../../../src/core/transport/index.js';

export interface TestCalls {
  double(numbers: Int32Array): Int32Array;
  /** Moves its answer. */
  moved(length: number): Uint8Array;
  /** Bytes that are left on this side of what was moved last. */
  left(nothing: null): number;
  /** Goes on until it is cancelled; tells of every step. */
  long(every: number): never;
  cancelled(nothing: null): number;
  fail(how: 'wishbone' | 'row' | 'fault' | 'text'): never;
  uncloneable(nothing: null): unknown;
  exit(code: number): never;
  hang(nothing: null): never;
  fill(nothing: null): never;
  /** Takes so many bytes at once. */
  take(bytes: number): number;
  /** Its own limit on data, that of a child, and that of one with {@link liftedLimit}: as `/proc` has them. */
  limits(nothing: null): readonly string[];
  pid(nothing: null): number;
  shout(text: string): void;
}

export interface TestEvents {
  shouted: { readonly text: string; readonly bytes: Uint8Array };
}

let cancelled = 0;
let kept: Uint8Array | undefined;

const teller = serve<TestCalls, TestEvents>(isMainThread ? processChannel() : threadChannel(), {
  double: (numbers) => numbers.map((number) => 2 * number),
  moved: (length) => {
    kept = new Uint8Array(length).fill(7);
    return new Moved(kept, [kept.buffer as ArrayBuffer]);
  },
  left: () => kept?.byteLength ?? -1,
  long: async (every, { signal, onProgress }) => {
    for (let done = 0; ; done++) {
      onProgress({ phase: 'long', done, total: 0 });
      try {
        await sleep(every, undefined, { signal });
      } catch (error) {
        cancelled++;
        throw error;
      }
    }
  },
  cancelled: () => cancelled,
  fail: (how) => {
    if (how === 'wishbone') throw new WishboneError('what', 'where', 'advice', ExitCode.cannotWrite);
    if (how === 'row') throw new BadRowError('what', 'file:3', 'advice');
    throw how === 'fault' ? new TypeError('a fault') : 'a text';
  },
  uncloneable: () => () => 1,
  exit: (code) => process.exit(code),
  hang: () => {
    for (;;);
  },
  fill: () => {
    const all: number[][] = [];
    for (;;) all.push(Array.from({ length: 100_000 }, (_, i) => i));
  },
  take: (bytes) => Buffer.alloc(bytes, 1).length,
  limits: () => {
    const soft = (text: string): string => /^Max data size\s+(\S+)/m.exec(text)?.[1] ?? '';
    const child = (...before: readonly string[]): string => {
      const [file, ...args] = [...before, 'cat', '/proc/self/limits'];
      return soft(execFileSync(file!, args, { encoding: 'utf8' }));
    };
    return [soft(readFileSync('/proc/self/limits', 'utf8')), child(), child(...liftedLimit())];
  },
  pid: () => process.pid,
  shout: (text) => {
    if (text === '') throw new Error('nothing to shout');
    teller.tell('shouted', { text: text.toUpperCase(), bytes: Uint8Array.of(1, 2, 3) });
  },
});
