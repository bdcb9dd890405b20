import type { Message } from '../dataset/index.js';
import { readRow } from './row-pairs.js';

/** Who says what; of plain text nobody is named. */
export interface Turn {
  readonly role: string | undefined;
  readonly text: string;
}

/** What a pair of a row says. */
export interface RowTurns {
  readonly prompt: readonly Turn[];
  readonly chosen: readonly Turn[];
  readonly rejected: readonly Turn[];
  /** Pairs that the row makes. */
  readonly pairs: number;
}

/**
 * Undefined for a row that cannot be trained on, or has no such pair.
 *
 * @param number of the pair in its row, from 0
 */
export function rowTurns(text: string, number = 0): RowTurns | undefined {
  const read = readRow(text);
  const pair = read?.pairs[number];
  if (read === undefined || pair === undefined) return undefined;
  const { prompt, chosen, rejected } = pair;
  return { prompt: turnsOf(prompt), chosen: turnsOf(chosen), rejected: turnsOf(rejected), pairs: read.pairs.length };
}

function turnsOf(part: string | readonly Message[]): Turn[] {
  if (typeof part === 'string') return part === '' ? [] : [{ role: undefined, text: part }];
  return part.map((message) => {
    const calls = message['tool_calls'];
    const called = Array.isArray(calls) && calls.length > 0 ? JSON.stringify(calls) : '';
    return { role: message.role, text: message.content ?? called };
  });
}
