import type { JsonField } from '../json.js';
import { PipelineError } from '../normalized-string.js';
import { TokenIds, type Model } from './model.js';
import { PairTable } from './pair-table.js';

/** Byte-pair encoding: characters, merged pair by pair in the order of the merges (`BPE` of the Rust library). */
export class Bpe implements Model {
  readonly #vocabulary: TokenIds;
  /** From a pair of ids to the rank of its merge. */
  readonly #ranks: PairTable;
  /** What a merge makes, by rank. */
  readonly #made: Int32Array;
  readonly #unknown: string | undefined;
  readonly #prefix: string;
  readonly #suffix: string;
  readonly #fusesUnknown: boolean;
  readonly #bytes: readonly (number | undefined)[] | undefined;
  readonly #takesWhole: boolean;
  readonly #queue = new MergeQueue();

  /** @throws TokenizerJsonError when something is missing or merges name tokens that are not there */
  constructor(json: JsonField) {
    const optional = (key: string): string | undefined => (json.get(key).isGiven ? json.get(key).text : undefined);
    const flag = (key: string): boolean => json.get(key).isGiven && json.get(key).flag;
    const dropout = json.get('dropout');
    if (dropout.isGiven && dropout.number !== 0) {
      throw dropout.error('with dropout, a text gets different tokens every time; set it to null');
    }
    this.#vocabulary = new TokenIds(json.get('vocab'));
    this.#unknown = optional('unk_token');
    this.#prefix = optional('continuing_subword_prefix') ?? '';
    this.#suffix = optional('end_of_word_suffix') ?? '';
    this.#fusesUnknown = flag('fuse_unk');
    this.#takesWhole = flag('ignore_merges');
    this.#bytes = flag('byte_fallback') ? byteTokens(this.#vocabulary) : undefined;
    const merges = json.get('merges');
    this.#ranks = new PairTable(merges.array.length);
    this.#made = new Int32Array(merges.array.length);
    this.#readMerges(merges);
  }

  #readMerges(merges: JsonField): void {
    let rank = 0;
    for (const [index, value] of merges.array.entries()) {
      if (typeof value === 'string' && value.startsWith('#version')) continue;
      const pair = typeof value === 'string' ? value.split(' ') : (value as unknown[]);
      const [first, second] = pair;
      if (!Array.isArray(pair) || pair.length !== 2 || typeof first !== 'string' || typeof second !== 'string') {
        throw merges.items[index]?.error('a merge is two tokens with a space between, or a list of two') ?? merges.error('');
      }
      // The prefix is cut off by its length in bytes, whatever stands there.
      const rest = this.#prefix === '' ? second : cutBytes(second, Buffer.byteLength(this.#prefix));
      const ids = [first, second, first + rest].map((token) => {
        const id = this.#vocabulary.idOf(token);
        if (id === undefined) {
          throw merges.items[index]?.error(`the vocabulary has no token "${token}", which the merge needs`) ?? merges.error('');
        }
        return id;
      });
      this.#ranks.set(ids[0] as number, ids[1] as number, rank);
      this.#made[rank++] = ids[2] as number;
    }
  }

  get size(): number {
    return this.#vocabulary.size;
  }

  idOf(token: string): number | undefined {
    return this.#vocabulary.idOf(token);
  }

  tokenOf(id: number): string | undefined {
    return this.#vocabulary.tokenOf(id);
  }

  tokenize(piece: string): number[] {
    if (piece === '') return [];
    if (this.#takesWhole) {
      const id = this.#vocabulary.idOf(piece);
      if (id !== undefined) return [id];
    }
    return this.#merged(this.#characters(piece));
  }

  /** The ids of a piece's characters before they are merged. */
  #characters(piece: string): number[] {
    const ids: number[] = [];
    let unknown: number | undefined;
    for (let at = 0; at < piece.length; ) {
      const end = at + ((piece.codePointAt(at) as number) > 0xffff ? 2 : 1);
      let letter = piece.slice(at, end);
      if (at > 0) letter = this.#prefix + letter;
      if (end === piece.length) letter += this.#suffix;
      at = end;
      const id = this.#vocabulary.idOf(letter);
      if (id !== undefined) {
        if (unknown !== undefined) ids.push(unknown);
        unknown = undefined;
        ids.push(id);
        continue;
      }
      const bytes = this.#bytes && bytesOf(letter, this.#bytes);
      if (bytes) {
        // An unknown character before waits on: so it does in the Rust library.
        ids.push(...bytes);
        continue;
      }
      // With nothing that stands for what is unknown, it is left out.
      if (this.#unknown === undefined) continue;
      if (unknown !== undefined && !this.#fusesUnknown) ids.push(unknown);
      if (unknown === undefined || !this.#fusesUnknown) unknown = this.#unknownId(this.#unknown);
    }
    if (unknown !== undefined) ids.push(unknown);
    return ids;
  }

  #unknownId(token: string): number {
    const id = this.#vocabulary.idOf(token);
    if (id === undefined) throw new PipelineError(`the vocabulary has no token "${token}" for unknown text`);
    return id;
  }

  #merged(ids: number[]): number[] {
    const [ranks, made, queue] = [this.#ranks, this.#made, this.#queue];
    const count = ids.length;
    if (count < 2) return ids;
    const next = new Int32Array(count);
    const previous = new Int32Array(count);
    queue.clear();
    for (let at = 0; at < count; at++) {
      previous[at] = at - 1;
      next[at] = at + 1 < count ? at + 1 : -1;
      if (at + 1 === count) break;
      const rank = ranks.get(ids[at] as number, ids[at + 1] as number);
      if (rank >= 0) queue.push(rank, at);
    }
    while (queue.pop()) {
      const { rank, place } = queue;
      if (ids[place] === GONE) continue;
      const right = next[place] as number;
      if (right < 0) continue;
      // The pair may be another one by now; it counts when it makes the same token.
      const now = ranks.get(ids[place] as number, ids[right] as number);
      const token = made[rank] as number;
      if (now < 0 || made[now] !== token) continue;
      ids[place] = token;
      ids[right] = GONE;
      const after = next[right] as number;
      next[place] = after;
      if (after >= 0) previous[after] = place;
      const before = previous[place] as number;
      if (before >= 0) {
        const left = ranks.get(ids[before] as number, token);
        if (left >= 0) queue.push(left, before);
      }
      if (after >= 0) {
        const following = ranks.get(token, ids[after] as number);
        if (following >= 0) queue.push(following, place);
      }
    }
    return ids.filter((id) => id !== GONE);
  }
}

/** In the place of a symbol that was merged into the one before. */
const GONE = -1;

/** `<0x00>` to `<0xFF>`. */
export function byteTokens(vocabulary: { idOf(token: string): number | undefined }): readonly (number | undefined)[] {
  return Array.from({ length: 256 }, (_, byte) => vocabulary.idOf(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`));
}

/** The tokens of a text's bytes, or undefined when one has none. */
export function bytesOf(text: string, tokens: readonly (number | undefined)[]): number[] | undefined {
  const ids: number[] = [];
  for (const byte of Buffer.from(text, 'utf8')) {
    const id = tokens[byte];
    if (id === undefined) return undefined;
    ids.push(id);
  }
  return ids;
}

const cutBytes = (text: string, length: number): string => Buffer.from(text, 'utf8').subarray(length).toString('utf8');

/** Merges that wait: the lowest rank first, of one rank the leftmost. A binary heap. */
class MergeQueue {
  /** rank · 2^30 + place: both fit into a double. */
  #keys: number[] = [];
  rank = 0;
  place = 0;

  clear(): void {
    this.#keys.length = 0;
  }

  push(rank: number, place: number): void {
    const keys = this.#keys;
    const key = rank * PLACES + place;
    let at = keys.length;
    keys.push(key);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = keys[parent] as number;
      if (above <= key) break;
      keys[at] = above;
      at = parent;
    }
    keys[at] = key;
  }

  /** Takes the first into `rank` and `place`; false when there is none. */
  pop(): boolean {
    const keys = this.#keys;
    const [first] = keys;
    const last = keys.pop();
    if (first === undefined || last === undefined) return false;
    this.place = first % PLACES;
    this.rank = (first - this.place) / PLACES;
    const count = keys.length;
    if (count === 0) return true;
    let at = 0;
    for (let child = 1; child < count; child = 2 * at + 1) {
      if (child + 1 < count && (keys[child + 1] as number) < (keys[child] as number)) child++;
      if ((keys[child] as number) >= last) break;
      keys[at] = keys[child] as number;
      at = child;
    }
    keys[at] = last;
    return true;
  }
}

const PLACES = 2 ** 30;
