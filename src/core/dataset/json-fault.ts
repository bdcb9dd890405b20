import { isTooLong } from '../exact-json/numbers.js';

/** Where and why a text is not JSON. */
export interface JsonFault {
  /** Index into the text (UTF-16 units). */
  readonly offset: number;
  readonly what: string;
  /** What to do about it, where more can be said than that it is to be corrected. */
  readonly advice?: string;
}

const DEEPEST = 1000;

/**
 * Finds the first fault of the JSON value (RFC 8259) that begins at `start`. Engines word and place their own messages
 * differently from version to version; this gives people one wording and a place.
 *
 * @returns the fault, or the offset just after the value when there is none
 */
export function findJsonFault(text: string, start = 0): JsonFault | number {
  try {
    return new Scanner(text, start).value(0);
  } catch (error) {
    if (error instanceof Fault)
      return { offset: error.offset, what: error.message, ...(error.advice === undefined ? {} : { advice: error.advice }) };
    throw error;
  }
}

class Fault extends Error {
  constructor(
    readonly offset: number,
    what: string,
    readonly advice?: string,
  ) {
    super(what);
  }
}

class Scanner {
  readonly #text: string;
  #at: number;

  constructor(text: string, at: number) {
    this.#text = text;
    this.#at = at;
  }

  value(depth: number): number {
    if (depth > DEEPEST) throw new Fault(this.#at, `nested more than ${DEEPEST} deep`);
    this.#space();
    const c = this.#text[this.#at];
    if (c === '{') this.#object(depth);
    else if (c === '[') this.#array(depth);
    else if (c === '"') this.#string();
    else if (c !== undefined && /[-0-9]/.test(c)) this.#number();
    else if (!this.#word('true') && !this.#word('false') && !this.#word('null')) this.#unexpected('a value');
    return this.#at;
  }

  #object(depth: number): void {
    this.#at++;
    this.#space();
    if (this.#take('}')) return;
    for (;;) {
      this.#space();
      if (this.#text[this.#at] !== '"') this.#unexpected('a field name in double quotes');
      this.#string();
      this.#space();
      if (!this.#take(':')) this.#unexpected('":"');
      this.value(depth + 1);
      this.#space();
      if (this.#take('}')) return;
      if (!this.#take(',')) this.#unexpected('"," or "}"');
    }
  }

  #array(depth: number): void {
    this.#at++;
    this.#space();
    if (this.#take(']')) return;
    for (;;) {
      this.value(depth + 1);
      this.#space();
      if (this.#take(']')) return;
      if (!this.#take(',')) this.#unexpected('"," or "]"');
    }
  }

  #string(): void {
    const start = this.#at++;
    for (;;) {
      const c = this.#text[this.#at];
      if (c === undefined) throw new Fault(start, 'text that is never closed by a double quote');
      if (c === '"') {
        this.#at++;
        return;
      }
      if (c < ' ') {
        const what = /[\r\n]/.test(c) ? 'line break' : c === '\t' ? 'tab' : 'control character';
        throw new Fault(this.#at, `a ${what} inside text; write it as ${JSON.stringify(c).slice(1, -1)}`);
      }
      if (c === '\\') {
        const escape = /^\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/.exec(this.#text.slice(this.#at, this.#at + 6));
        if (!escape) throw new Fault(this.#at, 'an unknown escape after a backslash');
        this.#at += escape[0].length;
      } else {
        this.#at++;
      }
    }
  }

  #number(): void {
    const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?/y;
    number.lastIndex = this.#at;
    const match = number.exec(this.#text);
    if (!match) this.#unexpected('a number');
    if (isTooLong(match[0])) throw new Fault(this.#at, 'a whole number of more than 4,300 digits', 'write it as text');
    this.#at += match[0].length;
  }

  #word(word: string): boolean {
    if (!this.#text.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    return true;
  }

  #take(c: string): boolean {
    if (this.#text[this.#at] !== c) return false;
    this.#at++;
    return true;
  }

  #space(): void {
    while (isJsonSpace(this.#text.charCodeAt(this.#at))) this.#at++;
  }

  #unexpected(expected: string): never {
    const point = this.#text.codePointAt(this.#at);
    const found = point === undefined ? 'the text ends' : `found ${JSON.stringify(String.fromCodePoint(point))}`;
    const known = this.#known();
    const more = known === undefined ? '' : ` (${known.what})`;
    throw new Fault(this.#at, `${found} where ${expected} should be${more}`, known?.advice);
  }

  /** What stands here, when it is a slip that people make. */
  #known(): { readonly what: string; readonly advice: string } | undefined {
    const rest = this.#text.slice(this.#at, this.#at + 20);
    const number = /^-?(?:NaN|Infinity)\b/.exec(rest);
    if (number) {
      const what = `${number[0]}: Python and JavaScript write it, but it is not valid JSON`;
      return { what, advice: 'write null, or leave the field out' };
    }
    const word = /^(?:None|True|False|nan|inf|undefined)\b/.exec(rest);
    if (word) {
      const what = `${word[0]}: this is ${word[0] === 'undefined' ? 'JavaScript' : 'Python'}, not JSON`;
      return { what, advice: 'write rows with json.dumps(row), not with str(row); by hand, null, true and false' };
    }
    if (rest.startsWith("'")) {
      return { what: 'single quotes, as Python prints a dictionary', advice: 'write rows with json.dumps(row), not with str(row)' };
    }
    if (/^[\u2018-\u201f]/.test(rest)) {
      return { what: 'a typographic quote', advice: 'write straight double quotes' };
    }
    if (/^\/[/*]|^#/.test(rest)) return { what: 'a comment, which JSON does not allow', advice: 'remove the comment' };
    if (/^[\]},]/.test(rest) && this.#text.slice(0, this.#at).trimEnd().endsWith(',')) {
      const twice = rest.startsWith(',');
      return { what: twice ? 'two commas with nothing between' : 'there is a comma before it', advice: 'remove the comma' };
    }
    return undefined;
  }
}

/** Whether a UTF-16 unit (or byte) is JSON white space. */
export function isJsonSpace(unit: number): boolean {
  return unit === 0x20 || unit === 0x0a || unit === 0x0d || unit === 0x09;
}
