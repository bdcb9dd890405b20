import { BadRowError, type ExitCode, WishboneError } from '../errors.js';

/** An error on its way from one thread or process to another. */
export type Failure =
  /** A `WishboneError`; `isBadRow`: a `BadRowError`. */
  | {
      readonly kind: 'wishbone';
      readonly what: string;
      readonly where: string;
      readonly advice: string;
      readonly exitCode: ExitCode;
      readonly isBadRow: boolean;
    }
  /** The call was cancelled, and has stopped. */
  | { readonly kind: 'cancelled' }
  /** A fault of ours. */
  | { readonly kind: 'fault'; readonly message: string; readonly stack: string };

/** @param signal the failed call's */
export function failureOf(error: unknown, signal?: AbortSignal): Failure {
  if (signal?.aborted && (error === signal.reason || (error as Error | undefined)?.name === 'AbortError')) {
    return { kind: 'cancelled' };
  }
  if (error instanceof WishboneError) {
    const { what, where, advice, exitCode } = error;
    return { kind: 'wishbone', what, where, advice, exitCode, isBadRow: error instanceof BadRowError };
  }
  const fault = error instanceof Error ? error : new Error(String(error));
  return { kind: 'fault', message: fault.message, stack: fault.stack ?? '' };
}

/** An allocation that the system has refused. Whoever sees it has no more to work with. */
export function isOutOfMemory(error: unknown): error is Error {
  return error instanceof RangeError && /allocation failed|grow instance memory/i.test(error.message);
}

/**
 * Turns a failure back into the error it was.
 *
 * @param reason the error that a cancelled call rejects with
 */
export function errorOf(failure: Failure, reason?: unknown): unknown {
  switch (failure.kind) {
    case 'wishbone': {
      const Kind = failure.isBadRow ? BadRowError : WishboneError;
      return new Kind(failure.what, failure.where, failure.advice, failure.exitCode);
    }
    case 'cancelled':
      return reason ?? new Error('the other side cancelled the call');
    case 'fault':
      return Object.assign(new Error(failure.message), { stack: failure.stack });
  }
}
