import { setImmediate } from 'node:timers/promises';
import type { Progress, WorkOptions } from './progress.js';

/** Milliseconds of work between two looks at the event loop. */
const STRIDE = 20;
/** Seconds before the pace says anything about what is left. */
const PATIENCE = 2;

/** What long synchronous work calls every now and then, so that it can be followed and cancelled. */
export type Pause = () => Promise<void>;

/**
 * Keeps long synchronous work answerable: between items it lets other events in (a cancel message among them), reports
 * progress a few times a second, and rejects once the signal has aborted.
 */
export class Pace {
  readonly #work: WorkOptions;
  #nextPause = performance.now() + STRIDE;
  #nextReport = 0;
  readonly #began = performance.now();

  constructor(work: WorkOptions) {
    this.#work = work;
  }

  /** @throws the signal's reason once it has aborted */
  async item(progress: () => Progress): Promise<void> {
    const now = performance.now();
    if (now < this.#nextPause) return;
    if (now >= this.#nextReport) {
      this.#work.onProgress?.(this.#withTimeLeft(progress(), now));
      this.#nextReport = now + 100;
    }
    await setImmediate();
    this.#work.signal?.throwIfAborted();
    this.#nextPause = performance.now() + STRIDE;
  }

  #withTimeLeft(progress: Progress, now: number): Progress {
    const { done, total } = progress;
    const seconds = (now - this.#began) / 1000;
    if (seconds < PATIENCE || done <= 0 || done > total) return progress;
    return { ...progress, secondsLeft: (seconds * (total - done)) / done };
  }
}
