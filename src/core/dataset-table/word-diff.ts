import { diffArrays } from 'diff';

/** A stretch of one of two texts. `own`: only this one has it; `cut`: a sign for what is left out. */
export interface DiffPiece {
  readonly kind: 'same' | 'own' | 'cut';
  readonly text: string;
}

export interface WordDiff {
  readonly chosen: readonly DiffPiece[];
  readonly rejected: readonly DiffPiece[];
}

export interface DiffLimits {
  /** UTF-16 units of each text that are shown at most. */
  readonly most: number;
  /** Units before the first difference that are shown; others are cut. */
  readonly before: number;
}

/** For a line of a table, and for all of a pair. */
export const LINE_LIMITS: DiffLimits = { most: 400, before: 40 };
export const PAIR_LIMITS: DiffLimits = { most: 20_000, before: Infinity };

/** Words, runs of white space, single signs; scripts without spaces between words go by characters. */
const WORDS =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]\p{M}*|(?:(?![\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}])[\p{L}\p{N}\p{M}_])+|\s+|./gsu;
/** Words by which two texts may differ before they count as different altogether; looking for more takes too long. */
const MOST_EDITS = 2000;
const CUT: DiffPiece = { kind: 'cut', text: '…' };

/** Compares two texts word by word: those of both, in order, and those of one alone. */
export function wordDiff(chosen: string, rejected: string, { most, before }: DiffLimits): WordDiff {
  const skipped = Number.isFinite(before) ? Math.max(0, commonStart(chosen, rejected) - before) : 0;
  const from = skipped < 8 ? 0 : skipped;
  const [a, b] = [cutText(chosen, from, most), cutText(rejected, from, most)];
  const [own, other] = [a.text.match(WORDS) ?? [], b.text.match(WORDS) ?? []];
  const changes = diffArrays(own, other, { maxEditLength: MOST_EDITS });
  const pieces = (side: 'added' | 'removed', all: string): DiffPiece[] => {
    if (changes === undefined) return all === '' ? [] : [{ kind: 'own', text: all }];
    return changes.flatMap(({ added, removed, value }): DiffPiece[] => {
      if (side === 'added' ? removed : added) return [];
      return [{ kind: added || removed ? 'own' : 'same', text: value.join('') }];
    });
  };
  const framed = (shown: DiffPiece[], isCut: boolean): DiffPiece[] => [...(from > 0 ? [CUT] : []), ...shown, ...(isCut ? [CUT] : [])];
  return { chosen: framed(pieces('removed', a.text), a.isCut), rejected: framed(pieces('added', b.text), b.isCut) };
}

/** Units from the start that both have, up to the beginning of a word. */
function commonStart(a: string, b: string): number {
  const most = Math.min(a.length, b.length);
  let at = 0;
  while (at < most && a.charCodeAt(at) === b.charCodeAt(at)) at++;
  if (at === a.length && at === b.length) return 0;
  while (at > 0 && /[\p{L}\p{N}\p{M}_\uDC00-\uDFFF]/u.test(a.charAt(at - 1))) at--;
  return at;
}

/** A part of a text that is as long as can be shown, cut between characters. */
export function cutText(text: string, from: number, most: number): { readonly text: string; readonly isCut: boolean } {
  let begin = from;
  if (isLow(text, begin)) begin++;
  if (text.length - begin <= most) return { text: text.slice(begin), isCut: false };
  let end = begin + most;
  if (isLow(text, end)) end--;
  return { text: text.slice(begin, end), isCut: true };
}

/** Whether a place is within a character of two units. */
function isLow(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  return at > 0 && unit >= 0xdc00 && unit <= 0xdfff;
}
