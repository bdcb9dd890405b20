import { mebibytes } from '../../core/cuda-library/index.js';
import type { Progress } from '../../core/work/progress.js';
import { formatDuration } from '../../format.js';

/** Names of the steps, for people. */
const PHASES: Readonly<Record<string, string>> = { download: 'Downloading', verify: 'Checking', unpack: 'Unpacking' };

/** Turns progress into a line and a bar, a few times a second. */
export class Meter {
  #shownAt = 0;
  #percent = 0;
  #begin: { readonly phase: string; readonly done: number; readonly at: number } | undefined;

  constructor(
    readonly report: (message: string, increment: number) => void,
    readonly now: () => number = () => performance.now(),
  ) {}

  show({ phase, done, total }: Progress): void {
    const at = this.now();
    if (this.#begin?.phase !== phase) this.#begin = { phase, done, at };
    else if (at - this.#shownAt < 250) return;
    this.#shownAt = at;
    const { done: from, at: since } = this.#begin;
    const left = done > from && at - since > 2000 && total > 0 ? ((total - done) * (at - since)) / 1000 / (done - from) : undefined;
    const parts = [
      `${mebibytes(done)}${total > 0 ? ` of ${mebibytes(total)}` : ''}`,
      ...(left === undefined ? [] : [`${formatDuration(left)} left`]),
    ];
    // Downloading takes nearly all of the time.
    const [base, share] = phase === 'download' ? [0, 90] : phase === 'verify' ? [90, 4] : [94, 6];
    const percent = total > 0 ? base + (share * done) / total : this.#percent;
    this.report(`${PHASES[phase] ?? phase}: ${parts.join(', ')}`, Math.max(0, percent - this.#percent));
    this.#percent = Math.max(this.#percent, percent);
  }
}
