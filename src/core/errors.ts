import { printableLine } from './text/printable.js';

/** Process exit codes, shared with the runner (docs/formats.md). */
export const ExitCode = {
  ok: 0,
  usage: 2,
  badInput: 3,
  outOfMemory: 4,
  cannotWrite: 5,
  internal: 70,
  interrupted: 130,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** An error a person can act on: what is wrong, where (file, line, field), and what to do about it. */
export class WishboneError extends Error {
  constructor(
    readonly what: string,
    readonly where: string,
    readonly advice: string,
    readonly exitCode: ExitCode = ExitCode.badInput,
  ) {
    super(what);
    this.name = 'WishboneError';
  }

  /** The three lines every part of Wishbone prints for an error. */
  format(): string {
    const [what, where, advice] = [this.what, this.where, this.advice].map(printableLine);
    return `error: ${what}\n  at: ${where}\n  fix: ${advice}`;
  }
}

/** An error of a file that is damaged, or made to do harm: it is of its kind, but nothing in it can be read. */
export class UnreadableFile extends WishboneError {}

/** An error of one row of a dataset: the others may be good, and the row can be left out (`on_bad_row`). */
export class BadRowError extends WishboneError {}
