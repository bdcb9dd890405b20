import type { Progress } from '../work/progress.js';
import type { Failure } from './failure.js';

/** What a client sends to whoever serves it. */
export type ToServer =
  | { readonly type: 'call'; readonly id: number; readonly method: string; readonly argument: unknown }
  /** Wants no answer. */
  | { readonly type: 'tell'; readonly method: string; readonly argument: unknown }
  /** The answer of a call is no longer wanted: it is to stop and leave nothing behind. */
  | { readonly type: 'cancel'; readonly id: number }
  /** Nothing more will be asked. */
  | { readonly type: 'close' };

/** What a server sends. Each call gets one `answer` or `failure`, and any number of `progress` before it. */
export type ToClient =
  | { readonly type: 'answer'; readonly id: number; readonly answer: unknown }
  | { readonly type: 'progress'; readonly id: number; readonly progress: Progress }
  | { readonly type: 'failure'; readonly id: number; readonly failure: Failure }
  /** Told without being asked. */
  | { readonly type: 'event'; readonly name: string; readonly value: unknown }
  /** A fault of ours outside any call. */
  | { readonly type: 'fault'; readonly failure: Failure };
