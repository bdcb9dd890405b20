import { diffArrays } from 'diff';
import { type ChangePart, type Labelled, partOf } from './decompose.js';

/** One response of a pair with what the log-probability of each of its tokens changed by. */
export interface ResponseChange {
  readonly tokens: Int32Array;
  /** [tokens] nats */
  readonly changes: Float32Array;
}

/** Both responses of a pair. */
export interface TokenChange {
  readonly chosen: ResponseChange;
  readonly rejected: ResponseChange;
}

export const QUARTER_LABELS = ['first quarter', 'second quarter', 'third quarter', 'last quarter'] as const;
export const DIFFERENCE_LABELS = ['before the first difference', 'the first different token', 'after it'] as const;
export const SHARED_LABELS = ['in both responses', 'in this response alone'] as const;
export const END_CLASS = 'end of text';
export const CLASS_LABELS = ['beginning of a word', 'rest of a word', 'number', 'punctuation', 'white space', END_CLASS] as const;
export type TokenClass = (typeof CLASS_LABELS)[number];

/** Tokens by which two responses may differ before nothing in them counts as shared: looking for more takes too long. */
const MOST_EDITS = 4000;

/**
 * What kind of text a token stands for.
 *
 * @param text of the token alone, with the space before it
 * @param isAfterSpace nothing, or white space, comes before it
 */
export function classOf(text: string, isAfterSpace: boolean): TokenClass {
  if (text.trim() === '') return 'white space';
  if (/^\s*\p{N}+\s*$/u.test(text)) return 'number';
  if (/^\s*[\p{L}\p{M}][\p{L}\p{M}\p{N}'’-]*\s*$/u.test(text))
    return /^\s/.test(text) || isAfterSpace ? 'beginning of a word' : 'rest of a word';
  return 'punctuation';
}

/** Tells the change of each token apart, by where it stands and what it is. */
export function partsOfTokens(pairs: readonly TokenChange[], textOf: (token: number) => string, ends: ReadonlySet<number>): ChangePart[] {
  const labels: Record<'position' | 'difference' | 'shared' | 'class', Record<'chosen' | 'rejected', Labelled[]>> = {
    position: { chosen: [], rejected: [] },
    difference: { chosen: [], rejected: [] },
    shared: { chosen: [], rejected: [] },
    class: { chosen: [], rejected: [] },
  };
  for (const pair of pairs) {
    const common = commonStart(pair.chosen.tokens, pair.rejected.tokens);
    const shared = sharedTokens(pair.chosen.tokens, pair.rejected.tokens);
    for (const side of ['chosen', 'rejected'] as const) {
      const { tokens, changes } = pair[side];
      let before = ' ';
      tokens.forEach((token, at) => {
        const one = (label: string): Labelled => ({ label, change: changes[at]!, tokens: 1 });
        const text = textOf(token);
        labels.position[side].push(one(QUARTER_LABELS[Math.min(3, Math.floor((4 * at) / tokens.length))]!));
        labels.difference[side].push(one(DIFFERENCE_LABELS[at < common ? 0 : at === common ? 1 : 2]));
        labels.shared[side].push(one(SHARED_LABELS[shared[side][at] === 1 ? 0 : 1]));
        labels.class[side].push(one(ends.has(token) ? END_CLASS : classOf(text, /\s$/.test(before))));
        before = text;
      });
    }
  }
  const part = (by: keyof typeof labels, title: string, order: readonly string[]): ChangePart | undefined =>
    partOf({ by, title, of: 'tokens' }, labels[by].chosen, labels[by].rejected, order);
  return [
    part('position', 'By position in the response', QUARTER_LABELS),
    part('difference', 'By where the responses part', DIFFERENCE_LABELS),
    part('shared', 'By whether the other response has the token too', SHARED_LABELS),
    part('class', 'By kind of token', CLASS_LABELS),
  ].filter((found) => found !== undefined);
}

function commonStart(a: Int32Array, b: Int32Array): number {
  let at = 0;
  while (at < a.length && at < b.length && a[at] === b[at]) at++;
  return at;
}

/** Which tokens of each response have a counterpart in the other, in the same order (a longest common subsequence). */
function sharedTokens(chosen: Int32Array, rejected: Int32Array): Record<'chosen' | 'rejected', Uint8Array> {
  const found = { chosen: new Uint8Array(chosen.length), rejected: new Uint8Array(rejected.length) };
  const changes = diffArrays([...rejected], [...chosen], { maxEditLength: MOST_EDITS });
  let [atChosen, atRejected] = [0, 0];
  for (const { added, removed, value } of changes ?? []) {
    if (!added && !removed) {
      found.chosen.fill(1, atChosen, atChosen + value.length);
      found.rejected.fill(1, atRejected, atRejected + value.length);
    }
    if (!removed) atChosen += value.length;
    if (!added) atRejected += value.length;
  }
  return found;
}
