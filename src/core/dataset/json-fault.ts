/** Where and why a text is not JSON. */
export interface JsonFault {
  /** Index into the text (UTF-16 units). */
  readonly offset: number;
  readonly what: string;
}

const deepest = 1000;

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
    if (error instanceof Fault) return { offset: error.offset, what: error.message };
    throw error;
  }
}

class Fault extends Error {
  constructor(
    readonly offset: number,
    what: string,
  ) {
    super(what);
  }
}

class Scanner {
  constructor(
    private readonly text: string,
    private at: number,
  ) {}

  value(depth: number): number {
    if (depth > deepest) throw new Fault(this.at, `nested more than ${deepest} deep`);
    this.space();
    const c = this.text[this.at];
    if (c === '{') this.object(depth);
    else if (c === '[') this.array(depth);
    else if (c === '"') this.string();
    else if (c !== undefined && /[-0-9]/.test(c)) this.number();
    else if (!this.word('true') && !this.word('false') && !this.word('null')) this.unexpected('a value');
    return this.at;
  }

  private object(depth: number): void {
    this.at++;
    this.space();
    if (this.take('}')) return;
    for (;;) {
      this.space();
      if (this.text[this.at] !== '"') this.unexpected('a field name in double quotes');
      this.string();
      this.space();
      if (!this.take(':')) this.unexpected('":"');
      this.value(depth + 1);
      this.space();
      if (this.take('}')) return;
      if (!this.take(',')) this.unexpected('"," or "}"');
    }
  }

  private array(depth: number): void {
    this.at++;
    this.space();
    if (this.take(']')) return;
    for (;;) {
      this.value(depth + 1);
      this.space();
      if (this.take(']')) return;
      if (!this.take(',')) this.unexpected('"," or "]"');
    }
  }

  private string(): void {
    const start = this.at++;
    for (;;) {
      const c = this.text[this.at];
      if (c === undefined) throw new Fault(start, 'text that is never closed by a double quote');
      if (c === '"') {
        this.at++;
        return;
      }
      if (c < ' ') throw new Fault(this.at, 'a line break or control character inside text; write it as \\n');
      if (c === '\\') {
        const escape = /^\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/.exec(this.text.slice(this.at, this.at + 6));
        if (!escape) throw new Fault(this.at, 'an unknown escape after a backslash');
        this.at += escape[0].length;
      } else {
        this.at++;
      }
    }
  }

  private number(): void {
    const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?/y;
    number.lastIndex = this.at;
    const match = number.exec(this.text);
    if (!match) this.unexpected('a number');
    this.at += match[0].length;
  }

  private word(word: string): boolean {
    if (!this.text.startsWith(word, this.at)) return false;
    this.at += word.length;
    return true;
  }

  private take(c: string): boolean {
    if (this.text[this.at] !== c) return false;
    this.at++;
    return true;
  }

  private space(): void {
    while (isJsonSpace(this.text.charCodeAt(this.at))) this.at++;
  }

  private unexpected(expected: string): never {
    const point = this.text.codePointAt(this.at);
    const found = point === undefined ? 'the text ends' : `found ${JSON.stringify(String.fromCodePoint(point))}`;
    throw new Fault(this.at, `${found} where ${expected} should be`);
  }
}

/** Whether a UTF-16 unit (or byte) is JSON white space. */
export function isJsonSpace(unit: number): boolean {
  return unit === 0x20 || unit === 0x0a || unit === 0x0d || unit === 0x09;
}
