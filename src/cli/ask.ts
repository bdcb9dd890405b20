import { createInterface } from 'node:readline/promises';
import { Interrupted } from './interrupt.js';

/** Whether somebody is there who can be asked. */
export const canAsk = (): boolean => process.stdin.isTTY && process.stderr.isTTY;

/**
 * Asks a question whose answer is no, unless somebody says yes.
 *
 * @throws Interrupted when the signal aborts first
 */
export async function askYes(question: string, signal: AbortSignal): Promise<boolean> {
  // As a line of the terminal's own: what else is written to move the cursor would be shown as text, and Ctrl-C would be read.
  const lines = createInterface({ input: process.stdin, output: process.stderr, terminal: false });
  try {
    const answer = await lines.question(`${question} [y/N] `, { signal });
    return /^y(es)?$/i.test(answer.trim());
  } catch (error) {
    throw signal.aborted ? new Interrupted() : error;
  } finally {
    lines.close();
  }
}
