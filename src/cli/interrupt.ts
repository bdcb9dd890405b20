/** Why work was cancelled: a person asked for it. */
export class Interrupted extends Error {
  constructor() {
    super('interrupted');
    this.name = 'Interrupted';
  }
}

/**
 * Calls `onInterrupt` for every Ctrl-C (or SIGTERM) while `work` runs, with how many there were.
 */
export async function withInterrupts<T>(onInterrupt: (count: number) => void, work: () => Promise<T>): Promise<T> {
  let count = 0;
  const listener = (): void => onInterrupt(++count);
  process.on('SIGINT', listener);
  process.on('SIGTERM', listener);
  try {
    return await work();
  } finally {
    process.off('SIGINT', listener);
    process.off('SIGTERM', listener);
  }
}

/** Runs work whose signal aborts at the first Ctrl-C; work that leaves nothing behind when it is cancelled. */
export async function cancellable<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const cancel = new AbortController();
  return withInterrupts(
    () => cancel.abort(new Interrupted()),
    () => work(cancel.signal),
  );
}
