import type { JsonField } from '../json.js';
import { PipelineError } from '../normalized-string.js';
import { byteTokens, bytesOf } from './bpe.js';
import type { Model } from './model.js';
import { PairTable } from './pair-table.js';

/** A field that says that scores are as they stand; the Rust library itself reads the last digit in its own way. */
export const EXACT_SCORES = 'exact scores';

/**
 * A number as serde_json reads its shortest decimal form: the digits as one number, then divided by a power of ten, each
 * rounded. It decides which of two equally good ways of cutting a text wins.
 */
function asSerdeReads(value: number): number {
  const [digits = '', power = '0'] = Math.abs(value).toExponential().split('e');
  const [whole = '', fraction = ''] = digits.split('.');
  const exponent = Number(power) - fraction.length;
  const significand = Number(BigInt(whole + fraction));
  if (Math.abs(exponent) > 308) return value;
  const ten = Number(`1e${Math.abs(exponent)}`);
  const size = exponent >= 0 ? significand * ten : significand / ten;
  return value < 0 ? -size : size;
}

/** What an unknown character costs below the worst token. */
const UNKNOWN_PENALTY = 10;

/** The likeliest way to cut a text into tokens with a score each (`Unigram` of the Rust library, sentencepiece). */
export class Unigram implements Model {
  readonly #tokens: readonly string[];
  readonly #scores: Float64Array;
  readonly #ids = new Map<string, number>();
  /** From a node and a UTF-16 unit to the node after it; 0 is the root. */
  readonly #children: PairTable;
  /** The token that ends at a node, -1 for none. */
  readonly #ends: number[] = [-1];
  readonly #unknownId: number | undefined;
  readonly #unknownScore: number;
  readonly #bytes: readonly (number | undefined)[] | undefined;

  /** @throws TokenizerJsonError when something is missing */
  constructor(json: JsonField) {
    const entries = json.get('vocab').array;
    const exact = json.object[EXACT_SCORES] === true;
    const damaged = (index: number): Error =>
      json.get('vocab').items[index]?.error('an entry must be a token and its score') ?? new Error();
    this.#scores = new Float64Array(entries.length);
    this.#children = new PairTable(4 * entries.length);
    this.#tokens = entries.map((entry, index) => {
      const [token, score] = Array.isArray(entry) ? (entry as unknown[]) : [];
      if (typeof token !== 'string' || typeof score !== 'number' || (entry as unknown[]).length !== 2) throw damaged(index);
      this.#scores[index] = exact ? score : asSerdeReads(score);
      this.#ids.set(token, index);
      return token;
    });
    for (const [token, id] of this.#ids) if (token !== '') this.#ends[this.#node(token)] = id;
    const unknown = json.get('unk_id');
    this.#unknownId = unknown.isGiven ? unknown.count : undefined;
    if (this.#unknownId !== undefined && this.#unknownId >= entries.length) {
      throw unknown.error('it is larger than the vocabulary');
    }
    this.#unknownScore = this.#scores.reduce((least, score) => (score < least ? score : least), Infinity) - UNKNOWN_PENALTY;
    const fallback = json.get('byte_fallback');
    this.#bytes = fallback.value !== undefined && fallback.flag ? byteTokens(this) : undefined;
  }

  #node(token: string): number {
    let node = 0;
    for (let at = 0; at < token.length; at++) {
      const unit = token.charCodeAt(at);
      let child = this.#children.get(node, unit);
      if (child < 0) {
        child = this.#ends.push(-1) - 1;
        this.#children.set(node, unit, child);
      }
      node = child;
    }
    return node;
  }

  get size(): number {
    return this.#tokens.length;
  }

  idOf(token: string): number | undefined {
    return this.#ids.get(token);
  }

  tokenOf(id: number): string | undefined {
    return this.#tokens[id];
  }

  tokenize(piece: string): number[] {
    const result: number[] = [];
    for (const text of this.#parts(piece)) {
      const id = this.#ids.get(text);
      if (id !== undefined) {
        result.push(id);
        continue;
      }
      const bytes = this.#bytes && bytesOf(text, this.#bytes);
      result.push(...(bytes ?? [this.#needUnknown()]));
    }
    return result;
  }

  #needUnknown(): number {
    if (this.#unknownId === undefined) throw new PipelineError('the model has no token for unknown text (unk_id)');
    return this.#unknownId;
  }

  /** The texts of the likeliest path; unknown characters in a row are one. */
  #parts(piece: string): string[] {
    const [children, ends, scores] = [this.#children, this.#ends, this.#scores];
    const size = piece.length;
    const best = new Float64Array(size + 1);
    const from = new Int32Array(size + 1).fill(-1);
    const tokens = new Int32Array(size + 1);
    const offer = (end: number, start: number, id: number, score: number): void => {
      if (from[end] !== -1 && !(score > (best[end] as number))) return;
      best[end] = score;
      from[end] = start;
      tokens[end] = id;
    };
    for (let start = 0; start < size; ) {
      const length = (piece.codePointAt(start) as number) > 0xffff ? 2 : 1;
      const until = best[start] as number;
      let hasSingle = false;
      let node = 0;
      for (let at = start; at < size; at++) {
        node = children.get(node, piece.charCodeAt(at));
        if (node < 0) break;
        const id = ends[node] as number;
        if (id < 0) continue;
        offer(at + 1, start, id, (scores[id] as number) + until);
        hasSingle ||= at + 1 === start + length;
      }
      if (!hasSingle) offer(start + length, start, this.#needUnknown(), this.#unknownScore + until);
      start += length;
    }
    const parts: string[] = [];
    let unknownEnd = -1;
    let end = size;
    while (end > 0) {
      const start = from[end] as number;
      if (tokens[end] === this.#unknownId) {
        if (unknownEnd < 0) unknownEnd = end;
      } else {
        if (unknownEnd >= 0) parts.push(piece.slice(end, unknownEnd));
        unknownEnd = -1;
        parts.push(piece.slice(start, end));
      }
      end = start;
    }
    if (unknownEnd >= 0) parts.push(piece.slice(0, unknownEnd));
    return parts.reverse();
  }
}
