/** Work that is only worth its newest result: asking again puts it off, and ends it where it is under way. */
export class LatestJob {
  #timer: NodeJS.Timeout | undefined;
  #abort: AbortController | undefined;

  /** @param work must look at the signal and deliver nothing once it is aborted */
  constructor(
    readonly work: (signal: AbortSignal) => Promise<void>,
    readonly onError: (error: unknown) => void,
  ) {}

  /** Does the work in `milliseconds`, unless it is asked for again before. */
  schedule(milliseconds: number): void {
    this.cancel();
    this.#timer = setTimeout(() => {
      const abort = new AbortController();
      this.#abort = abort;
      this.work(abort.signal).catch(this.onError);
    }, milliseconds);
  }

  cancel(): void {
    clearTimeout(this.#timer);
    this.#abort?.abort();
  }
}
