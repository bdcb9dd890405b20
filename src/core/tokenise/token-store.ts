import type { LeftOutRow } from '../dataset/index.js';
import { WishboneError } from '../errors.js';
import { readSafetensors, writeSafetensors, type Tensor } from '../files/safetensors.js';
import type { TokenOutcome, TokenPair } from '../tokenizer/index.js';

/** Numbers kept of each outcome; `meta` holds them one after another. */
const FIELDS = 8;
/** Their order; `line` is -1 in a file without lines, `chosen` and `rejected` are lengths, 0 for a skipped pair;
 * `source` is an index of the batch's sources, -1 without one. */
const Field = { row: 0, line: 1, promptLength: 2, chosen: 3, rejected: 4, cut: 5, promptCut: 6, source: 7 } as const;

/** Some outcomes in a form that moves between threads without a copy. */
export interface TokenBatch {
  /** [T] token ids: of each pair the chosen sequence, then the rejected one */
  readonly tokens: Int32Array;
  /** [8 N] what is known of each of the N outcomes */
  readonly meta: Int32Array;
  /** What rows say of where they come from, each once. */
  readonly sources: readonly string[];
  /** Rows that could not be tokenised and are left out, when they may be. */
  readonly leftOut?: readonly LeftOutPairs[] | undefined;
}

/** A row that is left out, with the pairs it would have made. */
export interface LeftOutPairs extends LeftOutRow {
  readonly pairs: number;
}

/** What became of a file's pairs. */
export interface TokenCounts {
  readonly pairs: number;
  /** Pairs that `max_length` leaves without a response on one side. */
  readonly skipped: number;
  /** Pairs of which a side was cut to `max_length`, and how many tokens that took. */
  readonly truncated: number;
  readonly truncatedTokens: number;
  /** Pairs of which the prompt's start was cut to `max_prompt_length`, and how many tokens that took of each prompt. */
  readonly promptsCut: number;
  readonly promptTokensCut: number;
}

export function packBatch(outcomes: readonly TokenOutcome[], leftOut: readonly LeftOutPairs[] = []): TokenBatch {
  let length = 0;
  for (const outcome of outcomes) {
    if (outcome.kind === 'pair') length += outcome.pair.chosen.length + outcome.pair.rejected.length;
  }
  const tokens = new Int32Array(length);
  const meta = new Int32Array(FIELDS * outcomes.length);
  const sources = new Map<string, number>();
  let at = 0;
  outcomes.forEach((outcome, index) => {
    const own = meta.subarray(FIELDS * index, FIELDS * (index + 1));
    const place = outcome.kind === 'pair' ? outcome.pair : outcome.place;
    own[Field.row] = place.row;
    own[Field.line] = place.line ?? -1;
    own[Field.source] = -1;
    if (outcome.kind === 'skipped') return;
    const { chosen, rejected, promptLength, source } = outcome.pair;
    if (source !== undefined) own[Field.source] = sources.get(source) ?? sources.set(source, sources.size).size - 1;
    tokens.set(chosen, at);
    tokens.set(rejected, at + chosen.length);
    at += chosen.length + rejected.length;
    own[Field.promptLength] = promptLength;
    own[Field.chosen] = chosen.length;
    own[Field.rejected] = rejected.length;
    own[Field.cut] = outcome.cut;
    own[Field.promptCut] = outcome.promptCut;
  });
  return { tokens, meta, sources: [...sources.keys()], ...(leftOut.length === 0 ? {} : { leftOut }) };
}

/** The tokens of a file's pairs, four bytes each, in the order of the file. */
export class TokenStore {
  readonly #batches: TokenBatch[] = [];
  #sums = { pairs: 0, skipped: 0, truncated: 0, truncatedTokens: 0, promptsCut: 0, promptTokensCut: 0 };

  get counts(): TokenCounts {
    return this.#sums;
  }

  add(batch: TokenBatch): void {
    const { tokens, meta, sources } = batch;
    this.#batches.push({ tokens, meta, sources });
    const sums = this.#sums;
    for (let at = 0; at < batch.meta.length; at += FIELDS) {
      const cut = batch.meta[at + Field.cut] as number;
      const promptCut = batch.meta[at + Field.promptCut] as number;
      if (batch.meta[at + Field.chosen] === 0) sums.skipped++;
      else sums.pairs++;
      if (cut > 0) sums.truncated++;
      if (promptCut > 0) sums.promptsCut++;
      sums.truncatedTokens += cut;
      sums.promptTokensCut += promptCut;
    }
  }

  /** Every pair, or the place of one that was skipped. The sequences are views. */
  *outcomes(): Generator<{ readonly pair: TokenPair } | { readonly skipped: { row: number; line: number | undefined } }> {
    for (const { tokens, meta, sources } of this.#batches) {
      let begin = 0;
      for (let at = 0; at < meta.length; at += FIELDS) {
        const row = meta[at + Field.row] as number;
        const lineOrNone = meta[at + Field.line] as number;
        const line = lineOrNone < 0 ? undefined : lineOrNone;
        const middle = begin + (meta[at + Field.chosen] as number);
        const end = middle + (meta[at + Field.rejected] as number);
        if (middle === begin) {
          yield { skipped: { row, line } };
          continue;
        }
        const promptLength = meta[at + Field.promptLength] as number;
        const [chosen, rejected] = [tokens.subarray(begin, middle), tokens.subarray(middle, end)];
        const source = sources[meta[at + Field.source] as number];
        yield { pair: { row, line, chosen, rejected, promptLength, ...(source === undefined ? {} : { source }) } };
        begin = end;
      }
    }
  }

  /** @throws WishboneError (exit code 5) when the file cannot be written; nothing is left then */
  async save(file: string, about: string): Promise<void> {
    const tensors = new Map<string, Tensor>();
    this.#batches.forEach(({ tokens, meta }, index) => {
      tensors.set(`tokens.${index}`, { dtype: 'I32', shape: [tokens.length], data: tokens });
      tensors.set(`meta.${index}`, { dtype: 'I32', shape: [meta.length], data: meta });
    });
    const sources = JSON.stringify(this.#batches.map((batch) => batch.sources));
    await writeSafetensors(file, { metadata: { about, sources }, tensors });
  }

  /**
   * Reads what `save` wrote.
   *
   * @throws WishboneError naming the file when it is damaged
   */
  static async load(file: string): Promise<{ store: TokenStore; about: string }> {
    const { metadata, tensors } = await readSafetensors(file);
    const store = new TokenStore();
    const sources = sourceLists(metadata['sources']);
    for (let index = 0; tensors.has(`meta.${index}`); index++) {
      const [tokens, meta] = [tensors.get(`tokens.${index}`)?.data, tensors.get(`meta.${index}`)?.data];
      if (!(tokens instanceof Int32Array) || !(meta instanceof Int32Array) || !fits(tokens, meta)) {
        throw new WishboneError('the tokens do not fit together', file, 'delete the file; it is created again');
      }
      store.add({ tokens, meta, sources: sources[index] ?? [] });
    }
    return { store, about: metadata['about'] ?? '' };
  }
}

/** @throws SyntaxError when the text is none of ours */
function sourceLists(text = '[]'): string[][] {
  const lists: unknown = JSON.parse(text);
  const isList = (value: unknown): value is string[] => Array.isArray(value) && value.every((name) => typeof name === 'string');
  if (!Array.isArray(lists) || !lists.every(isList)) throw new SyntaxError('sources are not lists of texts');
  return lists;
}

function fits(tokens: Int32Array, meta: Int32Array): boolean {
  if (meta.length % FIELDS !== 0) return false;
  let length = 0;
  for (let at = 0; at < meta.length; at += FIELDS) {
    const [promptLength, chosen, rejected] = meta.subarray(at + Field.promptLength) as unknown as [number, number, number];
    if (chosen < 0 || rejected < 0) return false;
    if (chosen > 0 && (promptLength < 1 || promptLength >= Math.min(chosen, rejected))) return false;
    if (chosen === 0 && rejected !== 0) return false;
    length += chosen + rejected;
  }
  return length === tokens.length;
}
