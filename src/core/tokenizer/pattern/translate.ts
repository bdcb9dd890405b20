import { classSource } from '../unicode/normalize.js';
import { categoryRanges, complement, lazy, spaceRanges, union, type Ranges } from '../unicode/code-points.js';
import * as tables from '../unicode/tables.js';

/** A piece of a pattern in JavaScript's words, and the fewest characters it matches. */
interface Part {
  readonly source: string;
  readonly least: number;
}

/** Thrown at a construct that is not translated. */
class Untranslated extends Error {}

const rangesOf = (table: string): Ranges => {
  let at = 0;
  return table.split(' ').map((length) => (at += parseInt(length, 36)));
};
const digits = lazy(() => rangesOf(tables.onigurumaDigit));
const word = lazy(() => rangesOf(tables.onigurumaWord));
const wordInClass = lazy(() => rangesOf(tables.onigurumaWordInClass));
const controls: Readonly<Record<string, string>> = { r: '\r', n: '\n', t: '\t', f: '\f', v: '\v' };

/** What `(?i:…)` may hold: letters that Oniguruma folds with nothing but their other case, and `s`, which `ſ` is too. */
const folded: Readonly<Record<string, string>> = {
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
const foldedSequence = /^'?(?:[stmd]|re|ve|ll)$/;

/**
 * A pattern of Oniguruma (Ruby's syntax) as a regular expression of JavaScript that matches the same everywhere, or
 * undefined when it has anything that the two do not share. Character classes are spelt out with Oniguruma's own tables.
 * What is translated are the patterns of byte-level tokenizers: alternatives of classes with quantifiers, look-ahead, and
 * English endings in either case. No group is repeated without end, so matching takes no exponential time.
 */
export function translate(pattern: string): string | undefined {
  try {
    const parser = new Parser(pattern);
    const part = parser.alternatives();
    return parser.isAtEnd && part.least > 0 ? part.source : undefined;
  } catch (error) {
    if (error instanceof Untranslated) return undefined;
    throw error;
  }
}

class Parser {
  private at = 0;
  private groups = 0;

  constructor(private readonly pattern: string) {}

  get isAtEnd(): boolean {
    return this.at === this.pattern.length;
  }

  alternatives(): Part {
    const parts = [this.sequence()];
    while (this.take('|')) parts.push(this.sequence());
    return { source: parts.map(({ source }) => source).join('|'), least: Math.min(...parts.map(({ least }) => least)) };
  }

  private sequence(): Part {
    let source = '';
    let least = 0;
    while (!this.isAtEnd && this.peek() !== '|' && this.peek() !== ')') {
      const part = this.quantified();
      source += part.source;
      least += part.least;
    }
    return { source, least };
  }

  private quantified(): Part {
    if (this.take('(?=')) return this.lookAhead('(?=');
    if (this.take('(?!')) return this.lookAhead('(?!');
    const isGroup = this.peek() === '(';
    const atom = isGroup ? this.group() : this.single();
    const times = this.quantifier();
    if (times === undefined) return atom;
    const { least, endless, source, manner } = times;
    if (isGroup && (endless || atom.least === 0)) throw new Untranslated();
    const repeated = `${atom.source}${source}`;
    if (manner === '+') return { source: this.atomic(repeated), least: least * atom.least };
    return { source: `${repeated}${manner}`, least: least * atom.least };
  }

  private lookAhead(open: string): Part {
    const inner = this.alternatives();
    if (!this.take(')') || this.quantifier() !== undefined) throw new Untranslated();
    return { source: `${open}${inner.source})`, least: 0 };
  }

  private group(): Part {
    if (this.take('(?i:')) return this.foldedGroup();
    const isAtomic = this.take('(?>');
    if (!isAtomic && !this.take('(?:')) {
      if (this.pattern.startsWith('(?', this.at) || this.pattern.startsWith('(*', this.at)) throw new Untranslated();
      this.take('(');
    }
    const number = isAtomic ? ++this.groups : 0;
    const inner = this.alternatives();
    if (!this.take(')')) throw new Untranslated();
    const source = isAtomic ? `(?:(?=(${inner.source}))\\${number})` : `(?:${inner.source})`;
    return { source, least: inner.least };
  }

  /** What has matched once stays as it is. */
  private atomic(source: string): string {
    return `(?:(?=(${source}))\\${++this.groups})`;
  }

  private foldedGroup(): Part {
    const end = this.pattern.indexOf(')', this.at);
    if (end < 0) throw new Untranslated();
    const sequences = this.pattern.slice(this.at, end).split('|');
    this.at = end + 1;
    const sources = sequences.map((sequence) => {
      const letters = /^\[([stmd]+)\]$/.exec(sequence)?.[1];
      if (letters !== undefined) return `(?:${[...letters].map((letter) => folded[letter]).join('|')})`;
      if (!foldedSequence.test(sequence)) throw new Untranslated();
      return [...sequence].map((letter) => folded[letter] ?? letter).join('');
    });
    return { source: `(?:${sources.join('|')})`, least: 1 };
  }

  private quantifier(): { least: number; endless: boolean; source: string; manner: '' | '?' | '+' } | undefined {
    const rest = this.pattern.slice(this.at);
    const interval = /^\{(\d{1,5})(?:(,)(\d{1,5})?)?\}/.exec(rest);
    if (interval) {
      const [source, first = '', comma, last] = interval;
      this.at += source.length;
      // After an interval, these are quantifiers of their own to Ruby.
      if (/^[?+*{]/.test(this.pattern.slice(this.at)) || (last !== undefined && Number(last) < Number(first))) {
        throw new Untranslated();
      }
      return { least: Number(first), endless: comma !== undefined && last === undefined, source, manner: '' };
    }
    const [source] = /^[?*+]/.exec(rest) ?? [];
    if (source === undefined) return undefined;
    this.at++;
    const manner = this.take('?') ? '?' : this.take('+') ? '+' : '';
    if (/^[?*+{]/.test(this.pattern.slice(this.at))) throw new Untranslated();
    return { least: source === '+' ? 1 : 0, endless: source !== '?', source, manner };
  }

  /** A character or a class. */
  private single(): Part {
    const ranges = this.take('[') ? this.characterClass() : this.setOf(this.unit(/[[\](){}.*+?^$|]/));
    if (ranges.length === 2 && (ranges[1] as number) - (ranges[0] as number) === 1) {
      return { source: `\\u{${(ranges[0] as number).toString(16)}}`, least: 1 };
    }
    return { source: classSource(ranges), least: 1 };
  }

  private characterClass(): Ranges {
    const negative = this.take('^');
    const sets: Ranges[] = [];
    if (this.peek() === ']') throw new Untranslated();
    while (!this.take(']')) {
      if (this.pattern.startsWith('&&', this.at)) throw new Untranslated();
      const isHyphen = this.peek() === '-';
      const first = this.unit(/[[\]]/, true);
      const ranges = this.setOf(first);
      const next = this.pattern[this.at + 1];
      if (this.peek() !== '-' || next === undefined || next === ']') {
        // A hyphen in the middle is read in several ways.
        if (isHyphen && sets.length > 0 && this.peek() !== ']') throw new Untranslated();
        sets.push(ranges);
        continue;
      }
      this.at++;
      const last = this.unit(/[[\]]/, true);
      if (typeof first !== 'string' || typeof last !== 'string' || isHyphen || last === '-') throw new Untranslated();
      const [from, to] = [first.codePointAt(0) as number, last.codePointAt(0) as number];
      if (from > to) throw new Untranslated();
      sets.push([from, to + 1]);
    }
    if (sets.length === 0) throw new Untranslated();
    const all = union(...sets);
    return negative ? complement(all) : all;
  }

  private setOf(unit: string | Ranges): Ranges {
    if (typeof unit !== 'string') return unit;
    const point = unit.codePointAt(0) as number;
    return [point, point + 1];
  }

  /** A character, or the set that an escape stands for. `special`: characters that mean something here. */
  private unit(special: RegExp, inClass = false): string | Ranges {
    const point = this.pattern.codePointAt(this.at);
    if (point === undefined) throw new Untranslated();
    const letter = String.fromCodePoint(point);
    if (special.test(letter)) throw new Untranslated();
    this.at += letter.length;
    if (letter !== '\\') return letter;
    const escape = this.pattern[this.at++];
    switch (escape) {
      case 's':
        return spaceRanges;
      case 'S':
        return complement(spaceRanges);
      case 'd':
        return digits();
      case 'D':
        return complement(digits());
      case 'w':
        return inClass ? wordInClass() : word();
      case 'W':
        return complement(inClass ? wordInClass() : word());
      case 'p':
      case 'P': {
        const [whole = '', name = ''] = /^\{(\w+)\}/.exec(this.pattern.slice(this.at)) ?? [];
        const ranges = categoryRanges(name);
        if (ranges === undefined) throw new Untranslated();
        this.at += whole.length;
        return escape === 'p' ? ranges : complement(ranges);
      }
      default: {
        if (escape === undefined) throw new Untranslated();
        const control = controls[escape];
        if (control !== undefined) return control;
        // eslint-disable-next-line no-control-regex
        if (!/^[!-/:-@[-`{-~ ]$/.test(escape)) throw new Untranslated();
        return escape;
      }
    }
  }

  private peek(): string | undefined {
    return this.pattern[this.at];
  }

  private take(text: string): boolean {
    if (!this.pattern.startsWith(text, this.at)) return false;
    this.at += text.length;
    return true;
  }
}
