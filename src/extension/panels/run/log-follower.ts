import path from 'node:path';

import { LOG_FILE } from '../../../core/run/index.js';
import { lastLogLines } from '../../../core/runner/index.js';

/** Number of log lines to show. */
const LINES = 200;
const INTERVAL_MILLISECONDS = 500;

/** Sends the last lines of a run's log whenever they change, as long as somebody looks. */
export class LogFollower {
  readonly #send: (lines: readonly string[]) => void;
  #timer: NodeJS.Timeout | undefined;
  #sent = '';

  constructor(send: (lines: readonly string[]) => void) {
    this.#send = send;
  }

  /** @param folderNow returns the run's folder, or undefined if there is no run any more */
  follow(folderNow: () => string | undefined): void {
    this.leave();
    // No log has this text, so the first look always sends.
    this.#sent = '\0';
    const timer = setInterval(() => void look(), INTERVAL_MILLISECONDS);
    const look = async (): Promise<void> => {
      const folder = folderNow();
      if (folder === undefined) return;
      const lines = await lastLogLines(path.join(folder, LOG_FILE), { count: LINES });
      const text = lines.join('\n');
      if (text === this.#sent || this.#timer !== timer) return;
      this.#sent = text;
      this.#send(lines);
    };
    this.#timer = timer;
    void look();
  }

  leave(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
