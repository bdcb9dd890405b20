import type { ExitCode } from '../core/errors.js';

/** Thrown by a command that has said everything and ends with a code other than 0. */
export class Exit extends Error {
  constructor(readonly code: ExitCode) {
    super(`exit code ${code}`);
    this.name = 'Exit';
  }
}
