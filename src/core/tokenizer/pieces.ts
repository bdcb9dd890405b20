import type { TokenBuffer } from './token-buffer.js';

/** What remains cached; beyond it everything is forgotten, which costs little and keeps memory bounded. */
const MOST_PIECES = 400_000;
/** Longer pieces (a run of one character, a word without spaces) hardly come again. */
const LONGEST_CACHED = 128;
/** V8 keeps a longer slice as a view of its text, which a cache would keep alive. */
const LONGEST_COPIED = 12;

/**
 * Token ids by piece of text. A model sees each piece by itself, so a piece has the same tokens wherever it stands, and
 * natural text is made of few different ones.
 */
export class PieceCache {
  readonly #compute: (piece: string) => readonly number[];
  /** By piece: its token id, or `-1 - start` of its entry in `pool`: a count, then as many ids. */
  readonly #places = new Map<string, number>();
  #pool = new Int32Array(1 << 16);
  #poolEnd = 0;

  /** @param compute a piece's ids, -1 for what has no token */
  constructor(compute: (piece: string) => readonly number[]) {
    this.#compute = compute;
  }

  /** Appends the ids of `piece`. */
  encode(piece: string, into: TokenBuffer): void {
    const place = this.#places.get(piece);
    if (place === undefined) {
      const ids = this.#compute(piece);
      into.pushAll(ids);
      if (piece.length <= LONGEST_CACHED) this.#remember(piece, ids);
    } else if (place >= 0) {
      into.push(place);
    } else {
      const begin = -1 - place;
      const end = begin + 1 + (this.#pool[begin] as number);
      for (let at = begin + 1; at < end; at++) into.push(this.#pool[at] as number);
    }
  }

  #remember(piece: string, ids: readonly number[]): void {
    if (this.#places.size >= MOST_PIECES) {
      this.#places.clear();
      this.#poolEnd = 0;
    }
    const own = piece.length > LONGEST_COPIED ? Buffer.from(piece, 'utf16le').toString('utf16le') : piece;
    const [first] = ids;
    if (ids.length === 1 && first !== undefined && first >= 0) {
      this.#places.set(own, first);
      return;
    }
    const end = this.#poolEnd + 1 + ids.length;
    if (end > this.#pool.length) {
      const larger = new Int32Array(Math.max(end, 2 * this.#pool.length));
      larger.set(this.#pool.subarray(0, this.#poolEnd));
      this.#pool = larger;
    }
    this.#places.set(own, -1 - this.#poolEnd);
    this.#pool[this.#poolEnd] = ids.length;
    this.#pool.set(ids, this.#poolEnd + 1);
    this.#poolEnd = end;
  }
}
