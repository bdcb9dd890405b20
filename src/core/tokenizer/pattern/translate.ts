import { classSource, innerSource } from '../unicode/normalize.js';
import { categoryRanges, complement, lazy, spaceRanges, union, type Ranges } from '../unicode/code-points.js';
import * as tables from '../unicode/tables.js';

export interface Translation {
  /** Classes are spelt out. V8 does not optimise what is so long. */
  readonly exact: string;
  /** Classes are the engine's own properties: for texts of characters on which these agree (none of `unsureRanges`). */
  readonly quick: string;
}

/** A piece of a pattern in JavaScript's words. */
interface Part {
  readonly source: string;
  /** The fewest characters it matches. */
  readonly least: number;
  /** Whether it may match nothing at a place, so that what is before it has to step back. */
  readonly fails: boolean;
  /** Repetitions that step back for what comes after this piece, as far as that may fail. */
  readonly open: number;
  /** Repetitions that step back for what fails inside. */
  readonly risky: number;
}

/**
 * With one repetition that steps back, a text takes time that grows with its length for every match that is tried; with
 * several, with a power of it, where Oniguruma gives up after ten million steps.
 */
const MOST_RISKY = 1;
/** Repetitions of no more than this step back little. */
const SHORT_REPETITION = 16;

/** Thrown at a construct that is not translated. */
class Untranslated extends Error {}

const rangesOf = (table: string): Ranges => {
  let at = 0;
  return table.split(' ').map((length) => (at += parseInt(length, 36)));
};
const digits = lazy(() => rangesOf(tables.ONIGURUMA_DIGIT));
const word = lazy(() => rangesOf(tables.ONIGURUMA_WORD));
const wordInClass = lazy(() => rangesOf(tables.ONIGURUMA_WORD_IN_CLASS));
const CONTROLS: Readonly<Record<string, string>> = { r: '\r', n: '\n', t: '\t', f: '\f', v: '\v' };

/** What `(?i:…)` may hold: letters that Oniguruma folds with nothing but their other case, and `s`, which `ſ` is too. */
const FOLDED: Readonly<Record<string, string>> = {
  s: '[sS\\u017f]',
  t: '[tT]',
  r: '[rR]',
  e: '[eE]',
  v: '[vV]',
  m: '[mM]',
  l: '[lL]',
  d: '[dD]',
};
/** Sequences without a character that stands for several letters of them (as `ß` does for `ss`). */
const FOLDED_SEQUENCE = /^'?(?:[stmd]|re|ve|ll)$/;

/**
 * A pattern of Oniguruma (Ruby's syntax) as a regular expression of JavaScript that matches the same everywhere, or
 * undefined when it has anything that the two do not share. Character classes are spelt out with Oniguruma's own tables.
 * What is translated are the patterns of byte-level tokenizers: alternatives of classes with quantifiers, look-ahead, and
 * English endings in either case. No group is repeated without end, and of what is repeated little steps back, so that
 * matching takes no exponential time, nor a high power of the text's length.
 */
export function translate(pattern: string): Translation | undefined {
  const parsed = (isQuick: boolean): string | undefined => {
    const parser = new Parser(pattern, isQuick);
    const part = parser.alternatives();
    return parser.isAtEnd && part.least > 0 && part.risky <= MOST_RISKY ? part.source : undefined;
  };
  try {
    const [exact, quick] = [parsed(false), parsed(true)];
    return exact === undefined || quick === undefined ? undefined : { exact, quick };
  } catch (error) {
    if (error instanceof Untranslated) return undefined;
    throw error;
  }
}

/** Characters: which they are, and how a class of JavaScript names them. */
interface CharacterSet {
  readonly ranges: Ranges;
  readonly inner: string;
  /** Given when it is one character that was written as such. */
  readonly point?: number;
}

/** A set that no property names. */
const spelt = (ranges: Ranges): CharacterSet => ({ ranges, inner: innerSource(ranges) });

function oneCharacter(text: string): CharacterSet {
  const point = text.codePointAt(0) as number;
  return { ...spelt([point, point + 1]), point };
}

interface Quantifier {
  readonly least: number;
  readonly endless: boolean;
  /** Whether it may repeat often. */
  readonly isLong: boolean;
  readonly source: string;
  readonly manner: '' | '?' | '+';
}

/** What a character or a class is. */
const LETTER = { least: 1, fails: true, open: 0, risky: 0 } as const;

class Parser {
  readonly #pattern: string;
  readonly #isQuick: boolean;
  #at = 0;
  #groups = 0;

  constructor(pattern: string, isQuick: boolean) {
    this.#pattern = pattern;
    this.#isQuick = isQuick;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#pattern.length;
  }

  alternatives(): Part {
    const parts = [this.#sequence()];
    while (this.#take('|')) parts.push(this.#sequence());
    return {
      source: parts.map(({ source }) => source).join('|'),
      least: Math.min(...parts.map(({ least }) => least)),
      fails: parts.every(({ fails }) => fails),
      open: Math.max(...parts.map(({ open }) => open)),
      risky: Math.max(...parts.map(({ risky }) => risky)),
    };
  }

  #sequence(): Part {
    const parts: Part[] = [];
    while (!this.isAtEnd && this.#peek() !== '|' && this.#peek() !== ')') parts.push(this.#quantified());
    let [fails, open, risky] = [false, 0, 0];
    for (const part of [...parts].reverse()) {
      risky += part.risky + (fails ? part.open : 0);
      open += fails ? 0 : part.open;
      fails ||= part.fails;
    }
    const source = parts.map((part) => part.source).join('');
    return { source, least: parts.reduce((sum, part) => sum + part.least, 0), fails, open, risky };
  }

  #quantified(): Part {
    if (this.#take('(?=')) return this.#lookAhead('(?=');
    if (this.#take('(?!')) return this.#lookAhead('(?!');
    const isGroup = this.#peek() === '(';
    const atom = isGroup ? this.#group() : this.#single();
    const times = this.#quantifier();
    if (times === undefined) return atom;
    const { least, endless, isLong, source, manner } = times;
    if (isGroup && (endless || atom.least === 0)) throw new Untranslated();
    const repeated = `${atom.source}${source}`;
    const result = { least: least * atom.least, fails: least > 0 && atom.fails, risky: atom.risky };
    if (manner === '+') return { ...result, source: this.#atomic(repeated), open: 0 };
    return { ...result, source: `${repeated}${manner}`, open: isGroup ? atom.open : isLong ? 1 : 0 };
  }

  #lookAhead(open: string): Part {
    const inner = this.alternatives();
    if (!this.#take(')') || this.#quantifier() !== undefined) throw new Untranslated();
    return { source: `${open}${inner.source})`, least: 0, fails: true, open: 0, risky: inner.risky };
  }

  #group(): Part {
    if (this.#take('(?i:')) return this.#foldedGroup();
    const isAtomic = this.#take('(?>');
    if (!isAtomic && !this.#take('(?:')) {
      if (this.#pattern.startsWith('(?', this.#at) || this.#pattern.startsWith('(*', this.#at)) throw new Untranslated();
      this.#take('(');
    }
    const number = isAtomic ? ++this.#groups : 0;
    const inner = this.alternatives();
    if (!this.#take(')')) throw new Untranslated();
    const source = isAtomic ? `(?:(?=(${inner.source}))\\${number})` : `(?:${inner.source})`;
    return { ...inner, source, open: isAtomic ? 0 : inner.open };
  }

  /** What has matched once stays as it is. */
  #atomic(source: string): string {
    return `(?:(?=(${source}))\\${++this.#groups})`;
  }

  #foldedGroup(): Part {
    const end = this.#pattern.indexOf(')', this.#at);
    if (end < 0) throw new Untranslated();
    const sequences = this.#pattern.slice(this.#at, end).split('|');
    this.#at = end + 1;
    const sources = sequences.map((sequence) => {
      const letters = /^\[([stmd]+)\]$/.exec(sequence)?.[1];
      if (letters !== undefined) return `(?:${[...letters].map((one) => FOLDED[one]).join('|')})`;
      if (!FOLDED_SEQUENCE.test(sequence)) throw new Untranslated();
      return [...sequence].map((one) => FOLDED[one] ?? one).join('');
    });
    return { ...LETTER, source: `(?:${sources.join('|')})` };
  }

  #quantifier(): Quantifier | undefined {
    const rest = this.#pattern.slice(this.#at);
    const interval = /^\{(\d{1,5})(?:(,)(\d{1,5})?)?\}/.exec(rest);
    if (interval) {
      const [source, first = '', comma, last] = interval;
      this.#at += source.length;
      // After an interval, these are quantifiers of their own to Ruby.
      if (/^[?+*{]/.test(this.#pattern.slice(this.#at)) || (last !== undefined && Number(last) < Number(first))) {
        throw new Untranslated();
      }
      const endless = comma !== undefined && last === undefined;
      return { least: Number(first), endless, isLong: endless || Number(last) > SHORT_REPETITION, source, manner: '' };
    }
    const [source] = /^[?*+]/.exec(rest) ?? [];
    if (source === undefined) return undefined;
    this.#at++;
    const manner = this.#take('?') ? '?' : this.#take('+') ? '+' : '';
    if (/^[?*+{]/.test(this.#pattern.slice(this.#at))) throw new Untranslated();
    return { least: source === '+' ? 1 : 0, endless: source !== '?', isLong: source !== '?', source, manner };
  }

  /** A character or a class. */
  #single(): Part {
    const { ranges, inner } = this.#take('[') ? this.#characterClass() : this.#unit(/[[\](){}.*+?^$|]/);
    return { ...LETTER, source: this.#isQuick ? `[${inner}]` : classSource(ranges) };
  }

  #characterClass(): CharacterSet {
    const isNegative = this.#take('^');
    const sets: CharacterSet[] = [];
    if (this.#peek() === ']') throw new Untranslated();
    while (!this.#take(']')) {
      if (this.#pattern.startsWith('&&', this.#at)) throw new Untranslated();
      const isHyphen = this.#peek() === '-';
      const first = this.#unit(/[[\]]/, true);
      const next = this.#pattern[this.#at + 1];
      if (this.#peek() !== '-' || next === undefined || next === ']') {
        // A hyphen in the middle is read in several ways.
        if (isHyphen && sets.length > 0 && this.#peek() !== ']') throw new Untranslated();
        sets.push(first);
        continue;
      }
      this.#at++;
      const last = this.#unit(/[[\]]/, true);
      if (first.point === undefined || last.point === undefined || isHyphen || last.point === 0x2d) throw new Untranslated();
      if (first.point > last.point) throw new Untranslated();
      sets.push(spelt([first.point, last.point + 1]));
    }
    if (sets.length === 0) throw new Untranslated();
    const ranges = union(...sets.map((set) => set.ranges));
    const inner = sets.map((set) => set.inner).join('');
    return isNegative ? { ranges: complement(ranges), inner: `^${inner}` } : { ranges, inner };
  }

  /** A character, or the set that an escape stands for. `special`: characters that mean something here. */
  #unit(special: RegExp, inClass = false): CharacterSet {
    const point = this.#pattern.codePointAt(this.#at);
    if (point === undefined) throw new Untranslated();
    const own = String.fromCodePoint(point);
    if (special.test(own)) throw new Untranslated();
    this.#at += own.length;
    return own === '\\' ? this.#escape(inClass) : oneCharacter(own);
  }

  #escape(inClass: boolean): CharacterSet {
    const escape = this.#pattern[this.#at++];
    switch (escape) {
      case 's':
        return { ranges: spaceRanges, inner: '\\p{White_Space}' };
      case 'S':
        return { ranges: complement(spaceRanges), inner: '\\P{White_Space}' };
      case 'd':
        return { ranges: digits(), inner: '\\p{Nd}' };
      case 'D':
        return { ranges: complement(digits()), inner: '\\P{Nd}' };
      case 'w':
        return spelt(inClass ? wordInClass() : word());
      case 'W':
        return spelt(complement(inClass ? wordInClass() : word()));
      case 'p':
      case 'P': {
        const [whole = '', name = ''] = /^\{(\w+)\}/.exec(this.#pattern.slice(this.#at)) ?? [];
        const ranges = categoryRanges(name);
        if (ranges === undefined) throw new Untranslated();
        this.#at += whole.length;
        return { ranges: escape === 'p' ? ranges : complement(ranges), inner: `\\${escape}{${name}}` };
      }
      default: {
        if (escape === undefined) throw new Untranslated();
        const control = CONTROLS[escape];
        if (control !== undefined) return oneCharacter(control);
        // eslint-disable-next-line no-control-regex
        if (!/^[!-/:-@[-`{-~ ]$/.test(escape)) throw new Untranslated();
        return oneCharacter(escape);
      }
    }
  }

  #peek(): string | undefined {
    return this.#pattern[this.#at];
  }

  #take(text: string): boolean {
    if (!this.#pattern.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }
}
