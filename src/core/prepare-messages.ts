import type { ExitCode } from './errors.js';
import type { PlanSummary, RunRequest } from './prepare.js';
import type { Progress } from './progress.js';

/** What the worker is started with (`workerData`). */
export type PrepareTask = RunRequest;

/** What is sent to the worker: asks it to stop and leave nothing behind. */
export interface CancelMessage {
  readonly type: 'cancel';
}

/** What the worker sends. Exactly one message that is not `progress`, as its last. */
export type PrepareMessage =
  | { readonly type: 'progress'; readonly progress: Progress }
  | { readonly type: 'done'; readonly folder: string; readonly summary: PlanSummary }
  | { readonly type: 'cancelled' }
  | {
      readonly type: 'bad';
      readonly what: string;
      readonly where: string;
      readonly advice: string;
      readonly exitCode: ExitCode;
    }
  /** A fault of ours. */
  | { readonly type: 'fault'; readonly message: string; readonly stack: string };
