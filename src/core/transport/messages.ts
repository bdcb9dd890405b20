import type { Progress } from '../work/progress.js';
import type { Failure } from './failure.js';

/** What a client sends to its server. */
export type ToServer =
  | { readonly type: 'call'; readonly id: number; readonly method: string; readonly argument: unknown }
  /** A call that wants no answer. */
  | { readonly type: 'tell'; readonly method: string; readonly argument: unknown }
  /** Cancels a call: it should stop and leave nothing behind. */
  | { readonly type: 'cancel'; readonly id: number }
  /** No more calls will come. */
  | { readonly type: 'close' };

/** What a server sends. Each call gets one `answer` or `failure`, and any number of `progress` before it. */
export type ToClient =
  | { readonly type: 'answer'; readonly id: number; readonly answer: unknown }
  | { readonly type: 'progress'; readonly id: number; readonly progress: Progress }
  | { readonly type: 'failure'; readonly id: number; readonly failure: Failure }
  /** Sent unasked. */
  | { readonly type: 'event'; readonly name: string; readonly value: unknown }
  /** A bug outside any call. */
  | { readonly type: 'fault'; readonly failure: Failure };
