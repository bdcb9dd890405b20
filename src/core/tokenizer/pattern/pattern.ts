import type { Span } from '../pipeline/normalized-string.js';
import { lazy, unsureRanges } from '../unicode/code-points.js';
import { classSource } from '../unicode/normalize.js';
import type { Translation } from './translate.js';

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
export const MATCHING = { source: '' };

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

/** A regular expression of JavaScript in its two forms: to find matches, and one that matches only where it looks. */
interface Expressions {
  readonly all: RegExp;
  readonly sticky: RegExp;
}

const expressions = (source: string): Expressions => ({ all: new RegExp(source, 'gu'), sticky: new RegExp(source, 'yu') });

const unsure = lazy(() => new RegExp(classSource(unsureRanges()), 'u'));

/** A pattern as a regular expression of JavaScript, which never matches nothing. */
export class TranslatedPattern implements Pattern {
  readonly #exact: () => Expressions;
  readonly #quick: () => Expressions;

  constructor(
    readonly source: string,
    translation: Translation,
  ) {
    this.#exact = lazy(() => expressions(translation.exact));
    this.#quick = lazy(() => expressions(translation.quick));
  }

  /** What is right for a text. */
  expressionsFor(text: string): Expressions {
    return unsure().test(text) ? this.#exact() : this.#quick();
  }

  matches(text: string): Span[] {
    const spans: Span[] = [];
    const { all } = this.expressionsFor(text);
    MATCHING.source = this.source;
    all.lastIndex = 0;
    for (let match = all.exec(text); match; match = all.exec(text)) spans.push({ start: match.index, end: all.lastIndex });
    return spans;
  }
}
