import { printable } from '../core/text/printable.js';

type Write = typeof process.stdout.write;

const raw = process.stderr.write.bind(process.stderr) as (text: string) => boolean;

let unprinted: Error | undefined;

/** Why some of what was printed did not arrive: a full disk behind `>`. Known once all has been written. */
export function outputFault(): Error | undefined {
  return unprinted;
}

/** Writes to standard error with the control codes of the caller's own. What came from elsewhere must be printable. */
export function writeControl(text: string): void {
  raw(text);
}

/**
 * From now on whatever is printed is shown and nothing else: names and texts of datasets, models and runs may hold codes
 * that a terminal acts on. In one place, so that no message can forget it.
 */
export function guardOutput(): void {
  // Node.js keeps to itself what it could not print, and ends with 0; where that is an error message, it ends with its own code.
  process.stderr.on('error', () => undefined);
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // Who reads no further, as `head`, has what they want.
    if (error.code !== 'EPIPE') unprinted ??= error;
  });
  for (const stream of [process.stdout, process.stderr]) {
    const write = stream.write.bind(stream) as Write;
    stream.write = ((chunk: string | Uint8Array, ...rest: never[]) =>
      write(typeof chunk === 'string' ? printable(chunk) : chunk, ...rest)) as Write;
  }
}
