import type { Span } from './normalized-string.js';

export const SPLIT_BEHAVIORS = ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'] as const;
/** What becomes of the text that a split finds (`SplitDelimiterBehavior` of the Rust library). */
export type SplitBehavior = (typeof SPLIT_BEHAVIORS)[number];

/**
 * The parts that matches cut a text into, none of them empty.
 *
 * @param matches from left to right
 * @param invert takes what is between matches for the matches
 */
export function splitAt(text: string, matches: readonly Span[], behavior: SplitBehavior, invert = false): Span[] {
  const parts: Part[] = [];
  let last = 0;
  for (const { start, end } of matches) {
    if (start !== last) parts.push({ start: last, end: start, isMatch: invert });
    parts.push({ start, end, isMatch: !invert });
    last = end;
  }
  if (last !== text.length) parts.push({ start: last, end: text.length, isMatch: invert });
  return joined(parts, behavior).filter(({ start, end }) => start < end);
}

interface Part {
  start: number;
  end: number;
  readonly isMatch: boolean;
}

function joined(parts: readonly Part[], behavior: SplitBehavior): readonly Part[] {
  switch (behavior) {
    case 'Isolated':
      return parts;
    case 'Removed':
      return parts.filter(({ isMatch }) => !isMatch);
    case 'Contiguous':
      return joinedWhere(parts, (part, isAfterMatch) => part.isMatch === isAfterMatch);
    case 'MergedWithPrevious':
      return joinedWhere(parts, (part, isAfterMatch) => part.isMatch && !isAfterMatch);
    case 'MergedWithNext': {
      const joined: Part[] = [];
      let isBeforeMatch = false;
      for (const part of [...parts].reverse()) {
        const next = joined.at(-1);
        if (part.isMatch && !isBeforeMatch && next) next.start = part.start;
        else joined.push({ ...part });
        isBeforeMatch = part.isMatch;
      }
      return joined.reverse();
    }
  }
}

/** Joins parts with the one before where `joins` says so; the first has none before, and no match. */
function joinedWhere(parts: readonly Part[], joins: (part: Part, isAfterMatch: boolean) => boolean): Part[] {
  const joined: Part[] = [];
  let isAfterMatch = false;
  for (const part of parts) {
    const previous = joined.at(-1);
    if (joins(part, isAfterMatch) && previous) previous.end = part.end;
    else joined.push({ ...part });
    isAfterMatch = part.isMatch;
  }
  return joined;
}

/** Each character of which something holds, as a match. */
export function matchingCharacters(text: string, holds: (point: number) => boolean): Span[] {
  const spans: Span[] = [];
  for (let start = 0; start < text.length; ) {
    const point = text.codePointAt(start) as number;
    const end = start + (point > 0xffff ? 2 : 1);
    if (holds(point)) spans.push({ start, end });
    start = end;
  }
  return spans;
}
