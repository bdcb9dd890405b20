/** What is wrong in a tokenizer's JSON, and in which field (`model.merges[3]`). */
export class TokenizerJsonError extends Error {
  constructor(
    message: string,
    readonly field: string,
  ) {
    super(message);
  }
}

/** A value of `tokenizer.json` with the name of its field. Reads as strictly as the Rust library does. */
export class JsonField {
  constructor(
    readonly value: unknown,
    readonly name: string,
  ) {}

  error(message: string): TokenizerJsonError {
    return new TokenizerJsonError(message, this.name);
  }

  /** Whether the field is there and not null. */
  get isGiven(): boolean {
    return this.value !== undefined && this.value !== null;
  }

  get(key: string): JsonField {
    const value = this.object[key];
    return new JsonField(value, this.name === '' ? key : `${this.name}.${key}`);
  }

  get object(): Readonly<Record<string, unknown>> {
    const { value } = this;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw this.#wrong('an object');
    return value as Record<string, unknown>;
  }

  get items(): JsonField[] {
    return this.array.map((item, index) => new JsonField(item, `${this.name}[${index}]`));
  }

  /** The same without a field for each item. */
  get array(): readonly unknown[] {
    if (!Array.isArray(this.value)) throw this.#wrong('a list');
    return this.value as unknown[];
  }

  get text(): string {
    if (typeof this.value !== 'string') throw this.#wrong('text');
    return this.value;
  }

  /** Text of exactly one character. */
  get letter(): string {
    const { text } = this;
    if ([...text].length !== 1) throw this.#wrong('one character');
    return text;
  }

  get flag(): boolean {
    if (typeof this.value !== 'boolean') throw this.#wrong('true or false');
    return this.value;
  }

  get number(): number {
    if (typeof this.value !== 'number') throw this.#wrong('a number');
    return this.value;
  }

  /** A whole number of at least zero. */
  get count(): number {
    const { value } = this;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) throw this.#wrong('a whole number');
    return value;
  }

  /** One of some words. */
  oneOf<T extends string>(words: readonly T[]): T {
    const found = words.find((word) => word === this.value);
    if (found === undefined) throw this.#wrong(`one of ${words.join(', ')}`);
    return found;
  }

  #wrong(what: string): TokenizerJsonError {
    return this.error(this.value === undefined ? `the field is missing` : `the field must be ${what}`);
  }
}
