import type { JsonField } from '../json.js';
import { PipelineError } from '../normalized-string.js';
import { TokenIds, type Model } from './model.js';

/** A token for every word (`WordLevel` of the Rust library). */
export class WordLevel implements Model {
  protected readonly vocabulary: TokenIds;
  readonly #unknown: string;

  /** @throws TokenizerJsonError when something is missing */
  constructor(json: JsonField) {
    this.vocabulary = new TokenIds(json.get('vocab'));
    this.#unknown = json.get('unk_token').text;
  }

  get size(): number {
    return this.vocabulary.size;
  }

  idOf(token: string): number | undefined {
    return this.vocabulary.idOf(token);
  }

  tokenOf(id: number): string | undefined {
    return this.vocabulary.tokenOf(id);
  }

  tokenize(piece: string): number[] {
    return [this.vocabulary.idOf(piece) ?? this.unknownId];
  }

  protected get unknownId(): number {
    const id = this.vocabulary.idOf(this.#unknown);
    if (id === undefined) throw new PipelineError(`the vocabulary has no token "${this.#unknown}" for unknown text`);
    return id;
  }
}

/** Words from the longest pieces, left to right (`WordPiece`, as of BERT). */
export class WordPiece extends WordLevel {
  readonly #prefix: string;
  readonly #longest: number;

  /** @throws TokenizerJsonError when something is missing */
  constructor(json: JsonField) {
    super(json);
    this.#prefix = json.get('continuing_subword_prefix').text;
    this.#longest = json.get('max_input_chars_per_word').count;
  }

  override tokenize(piece: string): number[] {
    const boundaries = [0];
    for (const letter of piece) boundaries.push((boundaries.at(-1) as number) + letter.length);
    if (boundaries.length - 1 > this.#longest) return [this.unknownId];
    const ids: number[] = [];
    let start = 0;
    while (start < boundaries.length - 1) {
      const begin = boundaries[start] as number;
      let end = boundaries.length - 1;
      let id: number | undefined;
      for (; end > start && id === undefined; end--) {
        const part = piece.slice(begin, boundaries[end]);
        id = this.vocabulary.idOf(start > 0 ? this.#prefix + part : part);
      }
      if (id === undefined) return [this.unknownId];
      ids.push(id);
      start = end + 1;
    }
    return ids;
  }
}
