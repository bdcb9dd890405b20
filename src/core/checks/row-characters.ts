import type { Message } from '../dataset/index.js';
import { readRow } from './row-pairs.js';

/** Lengths of a row's first pair in UTF-16 units, of what is said alone. */
export interface RowCharacters {
  readonly prompt: number;
  readonly chosen: number;
  readonly rejected: number;
  /** Pairs that the row makes. */
  readonly pairs: number;
}

/** Undefined for a row that cannot be trained on. */
export function rowCharacters(text: string): RowCharacters | undefined {
  const read = readRow(text);
  const pair = read?.pairs[0];
  if (read === undefined || pair === undefined) return undefined;
  const { prompt, chosen, rejected } = pair;
  return { prompt: lengthOf(prompt), chosen: lengthOf(chosen), rejected: lengthOf(rejected), pairs: read.pairs.length };
}

function lengthOf(part: string | readonly Message[]): number {
  return typeof part === 'string' ? part.length : part.reduce((sum, { content }) => sum + (content?.length ?? 0), 0);
}
