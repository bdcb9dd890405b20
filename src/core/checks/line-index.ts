import type { Position, Range, Span } from './types.js';

/** Turns indices into a text into lines and characters. */
export class LineIndex {
  readonly #starts: number[] = [0];

  constructor(text: string) {
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.#starts.push(at + 1);
  }

  position(index: number): Position {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#starts[middle] as number) <= index) low = middle;
      else high = middle - 1;
    }
    return { line: low, character: index - (this.#starts[low] as number) };
  }

  range({ start, end }: Span): Range {
    return { start: this.position(start), end: this.position(end) };
  }

  /** The line that begins at or before `index`, without its line end. */
  lineSpan(index: number, text: string): Span {
    const start = this.#starts[this.position(index).line] as number;
    const end = text.indexOf('\n', start);
    return { start, end: end < 0 ? text.length : text[end - 1] === '\r' ? end - 1 : end };
  }
}
