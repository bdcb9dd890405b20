import type { JsonField } from '../json.js';

/** Turns a piece of text into ids (`Model` of the Rust library). */
export interface Model {
  /** Entries of the vocabulary. */
  readonly size: number;
  idOf(token: string): number | undefined;
  tokenOf(id: number): string | undefined;
  /** @throws PipelineError where the Rust library ends with an error */
  tokenize(piece: string): number[];
}

/** A vocabulary both ways, of `{"token": id}`. */
export class TokenIds {
  readonly #ids: Map<string, number>;
  readonly #tokens: (string | undefined)[] = [];

  constructor(json: JsonField) {
    const { object } = json;
    this.#ids = new Map();
    for (const token of Object.keys(object)) {
      const id = object[token];
      if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id > 0xffffffff) {
        throw json.get(token).error('an id must be a whole number');
      }
      this.#ids.set(token, id);
      if (id < 0x1000000) this.#tokens[id] = token;
    }
  }

  get size(): number {
    return this.#ids.size;
  }

  idOf(token: string): number | undefined {
    return this.#ids.get(token);
  }

  tokenOf(id: number): string | undefined {
    return this.#tokens[id];
  }
}
