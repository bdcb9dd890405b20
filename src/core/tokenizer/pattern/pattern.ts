import type { Span } from '../pipeline/normalized-string.js';

/** Something that is looked for in a text. */
export interface Pattern {
  /** For messages to people. */
  readonly source: string;
  /**
   * All matches from left to right, none empty right after another. An empty text has none.
   *
   * @throws PatternError when matching takes too long
   */
  matches(text: string): Span[];
}

/** The pattern that is at work, for when it takes too long. */
export const matching = { source: '' };

/** Why a pattern cannot be used, or not on a text. */
export class PatternError extends Error {}

/** A text that is looked for as it is. */
export class TextPattern implements Pattern {
  constructor(readonly source: string) {}

  matches(text: string): Span[] {
    const { source } = this;
    const spans: Span[] = [];
    for (let start = text.indexOf(source); start >= 0; start = text.indexOf(source, start + source.length)) {
      spans.push({ start, end: start + source.length });
    }
    return spans;
  }
}

/** A regular expression of JavaScript that never matches nothing. */
export class TranslatedPattern implements Pattern {
  private readonly all: RegExp;
  /** Matches only where it looks (`lastIndex`). */
  readonly sticky: RegExp;

  constructor(
    readonly source: string,
    translation: string,
  ) {
    this.all = new RegExp(translation, 'gu');
    this.sticky = new RegExp(translation, 'yu');
  }

  /** Where the next match begins, or the text ends. */
  next(text: string, from: number): number {
    const { all } = this;
    all.lastIndex = from;
    return all.exec(text)?.index ?? text.length;
  }

  matches(text: string): Span[] {
    const spans: Span[] = [];
    const { all } = this;
    matching.source = this.source;
    all.lastIndex = 0;
    for (let match = all.exec(text); match; match = all.exec(text)) spans.push({ start: match.index, end: all.lastIndex });
    return spans;
  }
}
