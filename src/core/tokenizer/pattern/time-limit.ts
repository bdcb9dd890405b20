import { Script } from 'node:vm';

/** Work that took longer than it may. */
export class TimeLimitError extends Error {
  constructor(readonly seconds: number) {
    super(`it took longer than ${seconds} seconds`);
  }
}

/** What runs next, found by the script under this key. */
const KEY = Symbol.for('wishbone.limited');
const script = new Script(`globalThis[Symbol.for('wishbone.limited')]()`);
let limited = false;

/**
 * Does some work, and ends it when it takes too long, inside regular expressions too: V8 looks for such a request at every
 * step back. Starting the clock takes some 70 microseconds, so much work is to be limited as one. Inside limited work it
 * does nothing more.
 *
 * @throws TimeLimitError when time is up; then nothing that the work began is tidied up, not even by `finally`
 */
export function withinTime<T>(seconds: number, work: () => T): T {
  if (limited) return work();
  let result: { readonly value: T } | undefined;
  const shared = globalThis as unknown as Record<symbol, unknown>;
  shared[KEY] = () => {
    result = { value: work() };
  };
  limited = true;
  try {
    script.runInThisContext({ timeout: 1000 * seconds });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw new TimeLimitError(seconds);
    throw error;
  } finally {
    limited = false;
    delete shared[KEY];
  }
  return (result as unknown as { readonly value: T }).value;
}

/** The seconds that tokenising so many characters may take: a hundred times what it does. */
export const secondsFor = (characters: number): number => 5 + Math.ceil(characters / 50_000);
