/** How far a long piece of work has come. `total` is 0 while it is not known. */
export interface Progress {
  readonly phase: string;
  readonly done: number;
  readonly total: number;
  /** At the pace so far, once that can be told. */
  readonly secondsLeft?: number | undefined;
}

/** What every long piece of work takes: where to report, and how to be cancelled. */
export interface WorkOptions {
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Aborting makes the work reject with the signal's reason and leave nothing behind. */
  readonly signal?: AbortSignal | undefined;
}
