import type { Change } from '../unicode/normalize.js';

/** Why a text cannot be tokenised as the Rust library does: it fails too, or nobody can say what it does. */
export class PipelineError extends Error {}

/** A match in a text: `[start, end)` in UTF-16 units. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * A text while it is normalised and cut. As `NormalizedString` of the Rust library it can keep, for every unit, the range
 * of the original text that the unit stands for. Few pipelines ask for that (`tracked`), and it costs much, so it is kept
 * only where it decides what becomes of the text.
 */
export class NormalizedString {
  #starts: number[] | undefined;
  #ends: number[] | undefined;
  #originalLength: number;

  private constructor(
    public text: string,
    /** Of each unit: where its part of the original begins and ends. Undefined when not tracked. */
    starts: number[] | undefined,
    ends: number[] | undefined,
    originalLength: number,
    /** Where the original of this part begins in the whole original. */
    readonly shift: number,
    /** Set when a tracked text would take another way: a unit that stands for nothing is at the start. */
    public unsure = false,
  ) {
    this.#starts = starts;
    this.#ends = ends;
    this.#originalLength = originalLength;
  }

  static plain(text: string, shift: number): NormalizedString {
    return new NormalizedString(text, undefined, undefined, text.length, shift);
  }

  static tracked(text: string, shift: number): NormalizedString {
    const starts: number[] = [];
    const ends: number[] = [];
    let at = 0;
    for (const letter of text) {
      for (let unit = 0; unit < letter.length; unit++) {
        starts.push(at);
        ends.push(at + letter.length);
      }
      at += letter.length;
    }
    return new NormalizedString(text, starts, ends, text.length, shift);
  }

  get isTracked(): boolean {
    return this.#starts !== undefined;
  }

  /** The part `[start, end)`. */
  slice(start: number, end: number): NormalizedString {
    const text = this.text.slice(start, end);
    if (!this.#starts || !this.#ends) {
      // Not tracked: the text is its own original, as far as anyone asks.
      return new NormalizedString(text, undefined, undefined, text.length, this.shift + start, this.unsure);
    }
    // An empty range stays as it is.
    const from = start === end ? start : (this.#starts[start] as number);
    const to = start === end ? end : (this.#ends[end - 1] as number);
    const moved = (values: number[]): number[] => values.slice(start, end).map((value) => value - from);
    return new NormalizedString(text, moved(this.#starts), moved(this.#ends), Math.max(0, to - from), this.shift + from);
  }

  /** Takes a changed text whose units' origins nobody asks for. */
  replaceText(text: string): void {
    this.text = text;
  }

  /**
   * Puts other characters in the text's place, each with what became of the text's own; the first `removed` characters
   * are left out.
   */
  transform(changes: readonly Change[], removed = 0): void {
    if (!this.#starts || !this.#ends) {
      this.text = changes.map(([letter]) => letter).join('');
      return;
    }
    // The Rust library looks for what stands for the whole original: not what stands for nothing at the start.
    if (this.#originalLength === 0) {
      this.#transformRange(0, 0, changes, removed);
      return;
    }
    const begin = this.#beginOfOriginal(this.#starts, this.#ends);
    if (begin !== undefined) this.#transformRange(begin, this.text.length, changes, removed);
  }

  /** Of units that stand for something, the first. */
  #beginOfOriginal(starts: readonly number[], ends: readonly number[]): number | undefined {
    const at = starts.findIndex((start, unit) => start !== ends[unit]);
    if (at >= 0) return at;
    return starts.length === 0 ? undefined : starts.length;
  }

  #transformRange(begin: number, end: number, changes: readonly Change[], removed: number): void {
    const starts = this.#starts as number[];
    const ends = this.#ends as number[];
    const replaced = [...this.text.slice(begin, end)];
    let next = 0;
    let offset = begin;
    const take = (count: number): number => {
      let length = 0;
      for (let taken = 0; taken < count && next < replaced.length; taken++) length += (replaced[next++] as string).length;
      return length;
    };
    offset += take(removed);
    const newStarts: number[] = [];
    const newEnds: number[] = [];
    let text = '';
    for (const [letter, change] of changes) {
      const like = change > 0 ? offset - 1 : offset;
      const from = like < 0 ? 0 : starts[like];
      const to = like < 0 ? 0 : ends[like];
      // The Rust library ends with an error here.
      if (from === undefined || to === undefined) throw new PipelineError('a character that stands for nothing is changed');
      if (change <= 0) offset += take(1);
      if (change < 0) offset += take(-change);
      for (let unit = 0; unit < letter.length; unit++) {
        newStarts.push(from);
        newEnds.push(to);
      }
      text += letter;
    }
    this.text = this.text.slice(0, begin) + text + this.text.slice(end);
    this.#starts = [...starts.slice(0, begin), ...newStarts, ...starts.slice(end)];
    this.#ends = [...ends.slice(0, begin), ...newEnds, ...ends.slice(end)];
  }

  /** Keeps some characters only. */
  filter(keep: (letter: string) => boolean): void {
    const changes: Change[] = [];
    let last: string | undefined;
    let gone = 0;
    let goneAtStart = 0;
    for (const letter of this.text) {
      if (!keep(letter)) {
        gone++;
        continue;
      }
      if (last === undefined) goneAtStart = gone;
      else changes.push([last, -gone]);
      last = letter;
      gone = 0;
    }
    if (last !== undefined) changes.push([last, -gone]);
    this.transform(changes, goneAtStart);
  }

  /** Puts one character in the place of each. */
  map(letterFor: (letter: string) => string): void {
    this.transform([...this.text].map((letter) => [letterFor(letter), 0]));
  }

  /** Puts several characters in the place of each. */
  expand(lettersFor: (letter: string) => Iterable<string>): void {
    const changes: Change[] = [];
    for (const letter of this.text) {
      let change = 0;
      for (const part of lettersFor(letter)) {
        changes.push([part, change]);
        change = 1;
      }
    }
    this.transform(changes);
  }

  prepend(text: string): void {
    if (this.text === '') return;
    if (!this.#starts) {
      this.text = text + this.text;
      if (text === '') this.unsure = true;
      return;
    }
    const first = String.fromCodePoint(this.text.codePointAt(0) as number);
    const changes: Change[] = [...text].map((letter, index) => [letter, index === 0 ? 0 : 1]);
    this.#transformRange(0, first.length, [...changes, [first, 1]], 0);
  }

  /** Puts a text in the place of each match. */
  replace(matches: readonly Span[], content: string): void {
    if (matches.length === 0) return;
    const [starts, ends] = [this.#starts, this.#ends];
    let text = '';
    const newStarts: number[] = [];
    const newEnds: number[] = [];
    let last = 0;
    for (const { start, end } of matches) {
      text += this.text.slice(last, start) + content;
      if (starts && ends) {
        for (let at = last; at < start; at++) newStarts.push(starts[at] as number), newEnds.push(ends[at] as number);
        const from = end < 1 ? 0 : (starts[end - 1] as number);
        const to = end < 1 ? 0 : (ends[end - 1] as number);
        for (let unit = 0; unit < content.length; unit++) newStarts.push(from), newEnds.push(to);
      } else if (end === 0 && content !== '') {
        this.unsure = true;
      }
      last = end;
    }
    text += this.text.slice(last);
    if (starts && ends) {
      for (let at = last; at < starts.length; at++) newStarts.push(starts[at] as number), newEnds.push(ends[at] as number);
      this.#starts = newStarts;
      this.#ends = newEnds;
    }
    this.text = text;
  }
}
