import { printable } from '../core/text/printable.js';

type Write = typeof process.stdout.write;

const raw = process.stderr.write.bind(process.stderr) as (text: string) => boolean;

/** Writes to standard error with the control codes of the caller's own. What came from elsewhere must be printable. */
export function writeControl(text: string): void {
  raw(text);
}

/**
 * From now on whatever is printed is shown and nothing else: names and texts of datasets, models and runs may hold codes
 * that a terminal acts on. In one place, so that no message can forget it.
 */
export function guardOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    const write = stream.write.bind(stream) as Write;
    stream.write = ((chunk: string | Uint8Array, ...rest: never[]) =>
      write(typeof chunk === 'string' ? printable(chunk) : chunk, ...rest)) as Write;
  }
}
