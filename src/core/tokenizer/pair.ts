import { rowWhere, type MessagePair, type PairText, type RowPlace, type TextPair } from '../dataset/index.js';
import { BadRowError, WishboneError } from '../errors.js';
import type { ChatInputs } from './chat-template.js';
import { secondsFor, TimeLimitError, withinTime } from './pattern/index.js';
import { ChatTemplateError } from './template-error.js';
import { TokenBuffer } from './token-buffer.js';
import type { ModelTokenizer } from './tokenizer.js';

/** A pair as token ids. Both sequences begin with the same `promptLength` tokens, or differ in their first. */
export interface TokenPair extends RowPlace {
  /** prompt + chosen response */
  readonly chosen: Int32Array;
  /** prompt + rejected response */
  readonly rejected: Int32Array;
  /** Tokens [0, promptLength) are context, the others are scored. At least 1: nothing predicts the first token. */
  readonly promptLength: number;
  /** Where the pair comes from, a name that metrics are also given for. */
  readonly source?: string | undefined;
}

/** What became of a pair. */
export type TokenOutcome =
  | {
      readonly kind: 'pair';
      readonly pair: TokenPair;
      /** Tokens that `max_length` cut off the ends of both sequences. */
      readonly cut: number;
      /** Tokens that `max_prompt_length` cut off the prompt's start. */
      readonly promptCut: number;
    }
  /** `max_length` leaves a side without a response token. */
  | { readonly kind: 'skipped'; readonly place: RowPlace };

export interface PairTokenizerOptions {
  /** Most tokens of one sequence. */
  readonly maxLength: number;
  /** Most tokens of the prompt; 0: no limit of its own. */
  readonly maxPromptLength?: number | undefined;
  /** Named in errors. */
  readonly file: string;
  readonly vocabSize: number;
  /** Most positions the model was made for. */
  readonly maxPositions?: number | undefined;
}

/**
 * Tokenises pairs as TRL's `DPOTrainer` does (version 1.x, `_prepare_dataset`):
 *
 * - text: the tokenizer's own special tokens around prompt, prompt + chosen, prompt + rejected; the end-of-sequence
 *   token's text is added to a response that does not end with it
 * - messages: the chat template on the prompt (with generation prompt) and on prompt + response; no special tokens
 *   beyond those the template writes
 * - the response begins where the three token sequences part (docs/architecture.md, "Where the prompt ends")
 * - `max_prompt_length` keeps the end of the prompt (as TRL did while it had it); a BOS token goes with the start
 * - `max_length` keeps the start of each sequence
 */
export class PairTokenizer {
  readonly #tokenizer: ModelTokenizer;
  readonly #options: PairTokenizerOptions;
  readonly #prompt = new TokenBuffer();
  readonly #chosen = new TokenBuffer();
  readonly #rejected = new TokenBuffer();

  constructor(tokenizer: ModelTokenizer, options: PairTokenizerOptions) {
    this.#tokenizer = tokenizer;
    this.#options = options;
  }

  /** @throws WishboneError naming file and line when the template refuses the messages or a token has no embedding */
  tokenize(pair: PairText): TokenOutcome {
    return this.#outcome(pair, this.#texts(pair));
  }

  /**
   * The same for many pairs, which is faster than one by one.
   *
   * @throws WishboneError as `tokenize`, of the first pair that cannot be tokenised
   */
  tokenizeAll(pairs: readonly PairText[]): TokenOutcome[] {
    return this.tokenizeEach(pairs).map((outcome) => {
      if (outcome instanceof BadRowError) throw outcome;
      return outcome;
    });
  }

  /**
   * The same, with what is wrong with a pair in its place.
   *
   * @throws WishboneError for what is not one pair's fault
   */
  tokenizeEach(pairs: readonly PairText[]): (TokenOutcome | BadRowError)[] {
    return this.#each(pairs, BadRowError, (pair, texts) => this.#outcome(pair, texts));
  }

  /**
   * The token sequences of many pairs as they are compared, uncut, which is faster than one pair by one. Whatever a pair cannot be
   * tokenised for stands in its place.
   *
   * @throws WishboneError when the engine for chat templates cannot be started
   */
  renderingsEach(pairs: readonly PairText[]): (Renderings | WishboneError)[] {
    return this.#each(pairs, WishboneError, (pair, texts) => {
      const [prompt, chosen, rejected] = this.#encoded(pair, texts);
      return { prompt: prompt.slice(), chosen: chosen.slice(), rejected: rejected.slice() };
    });
  }

  /** The chat template is asked for the texts of all pairs at once, and one clock runs for all. @param Kind errors that are one pair's */
  #each<T, E extends WishboneError>(
    pairs: readonly PairText[],
    Kind: new (...given: ConstructorParameters<typeof WishboneError>) => E,
    use: (pair: PairText, texts: Texts) => T,
  ): (T | E)[] {
    const orError = <V>(work: () => V): V | E => {
      try {
        return work();
      } catch (error) {
        if (error instanceof Kind) return error;
        throw error;
      }
    };
    const rendered = this.#rendered(pairs.filter((pair) => pair.kind === 'messages'));
    const texts = pairs.map((pair) => {
      const ofTemplate = pair.kind === 'text' ? undefined : rendered.next().value;
      return orError(() => (pair.kind === 'text' ? this.#textsOf(pair) : this.#checkedTexts(pair, ofTemplate)));
    });
    const each = (): (T | E)[] =>
      pairs.map((pair, index) => {
        const own = texts[index] as Texts | E;
        return own instanceof Kind ? own : orError(() => use(pair, own as Texts));
      });
    let characters = 0;
    for (const own of texts) if (!(own instanceof Kind)) for (const text of own as Texts) characters += text.length;
    try {
      return withinTime(secondsFor(characters), each);
    } catch (error) {
      if (!(error instanceof TimeLimitError)) throw error;
    }
    // One of them takes too long; each has its own clock now, so it is known which.
    return each();
  }

  #outcome(pair: PairText, texts: Texts): TokenOutcome {
    const [prompt, chosen, rejected] = this.#encoded(pair, texts);
    const common = Math.min(commonPrefix(prompt, chosen), commonPrefix(prompt, rejected));
    const wholePrompt = Math.max(1, common);
    const { maxLength, maxPromptLength = 0 } = this.#options;
    const promptCut = maxPromptLength > 0 ? Math.max(0, wholePrompt - maxPromptLength) : 0;
    const promptLength = wholePrompt - promptCut;
    const place = { row: pair.row, line: pair.line };
    const shorter = Math.min(chosen.length, rejected.length) - promptCut;
    if (Math.min(shorter, maxLength) <= promptLength) return { kind: 'skipped', place };
    const tokens = (ids: Int32Array): Int32Array => this.#checked(ids.slice(promptCut, promptCut + maxLength), pair);
    const cut = (ids: Int32Array): number => Math.max(0, ids.length - promptCut - maxLength);
    return {
      kind: 'pair',
      pair: {
        ...place,
        chosen: tokens(chosen),
        rejected: tokens(rejected),
        promptLength,
        ...(pair.source === undefined ? {} : { source: pair.source }),
      },
      cut: cut(chosen) + cut(rejected),
      promptCut,
    };
  }

  /** The texts as tokens: views that hold until the next pair. */
  #encoded(pair: PairText, texts: Texts): [Int32Array, Int32Array, Int32Array] {
    // What a chat template renders has its special tokens.
    const addSpecialTokens = pair.kind === 'text';
    for (const [index, buffer] of [this.#prompt, this.#chosen, this.#rejected].entries()) {
      buffer.length = 0;
      try {
        this.#tokenizer.encodeInto(texts[index] as string, addSpecialTokens, buffer);
      } catch (error) {
        if (!(error instanceof WishboneError)) throw error;
        const Kind = error instanceof BadRowError ? BadRowError : WishboneError;
        throw new Kind(error.what, `${this.#where(pair)}, with ${error.where}`, error.advice, error.exitCode);
      }
    }
    return [this.#prompt.view(), this.#chosen.view(), this.#rejected.view()];
  }

  #texts(pair: PairText): Texts {
    return pair.kind === 'text' ? this.#textsOf(pair) : this.#checkedTexts(pair, this.#rendered([pair]).next().value);
  }

  #textsOf(pair: TextPair): Texts {
    const eos = this.#tokenizer.eosToken;
    const whole = (response: string): string => pair.prompt + (response.endsWith(eos) ? response : response + eos);
    return [pair.prompt, whole(pair.chosen), whole(pair.rejected)];
  }

  /** What the chat template makes of each pair. */
  #rendered(pairs: readonly MessagePair[]): IterableIterator<readonly string[] | ChatTemplateError> {
    if (pairs.length === 0) return [].values();
    const inputs = pairs.map(
      ({ prompt, chosen, rejected, tools, documents, chatTemplateKwargs }): ChatInputs => ({
        messages: prompt,
        parts: [
          { messages: [], addGenerationPrompt: true },
          { messages: chosen, addGenerationPrompt: false },
          { messages: rejected, addGenerationPrompt: false },
        ],
        tools,
        documents,
        kwargs: chatTemplateKwargs,
        specialTokens: this.#tokenizer.specialTokenTexts,
      }),
    );
    return this.#tokenizer.chatTemplate.renderAll(inputs).values();
  }

  #checkedTexts(pair: RowPlace, texts: readonly string[] | ChatTemplateError | undefined): Texts {
    if (!(texts instanceof ChatTemplateError)) return texts as Texts;
    const { what, where, advice, fault } = texts;
    if (fault === 'template') throw texts;
    const Kind = fault === 'row' ? BadRowError : WishboneError;
    throw new Kind(what, `${this.#where(pair)}, with ${where}`, advice);
  }

  #checked(ids: Int32Array, place: RowPlace): Int32Array {
    const { vocabSize, maxPositions = Infinity } = this.#options;
    if (ids.length > maxPositions) {
      throw new WishboneError(
        `the pair has a sequence of ${ids.length} tokens, but the model was made for ${maxPositions} positions`,
        this.#where(place),
        `set max_length to at most ${maxPositions}`,
      );
    }
    const { hasUnlearntTokens } = this.#tokenizer;
    for (const id of ids) {
      const unlearnt = hasUnlearntTokens ? this.#tokenizer.unlearntToken(id) : undefined;
      if (unlearnt !== undefined) {
        throw new WishboneError(
          `the special token ${JSON.stringify(unlearnt)} is named in the tokenizer's configs, but tokenizer.json has no such token`,
          this.#where(place),
          "take the token that the model was trained with, or add this one to the tokenizer and to the model's embedding",
        );
      }
      if (id >= vocabSize) {
        throw new WishboneError(
          `token ${id} (${JSON.stringify(this.#tokenizer.tokenText(id))}) is outside the model's vocabulary of ${vocabSize}`,
          this.#where(place),
          "the tokenizer does not belong to this model; use the model's own",
        );
      }
    }
    return ids;
  }

  #where(place: RowPlace): string {
    return rowWhere(this.#options.file, place);
  }
}

/** Prompt, prompt + chosen, prompt + rejected. */
type Texts = readonly [string, string, string];

/** A pair's token ids: of the prompt alone, and of the prompt with each response. */
export interface Renderings {
  readonly prompt: Int32Array;
  readonly chosen: Int32Array;
  readonly rejected: Int32Array;
}

/** Number of leading elements that two sequences share. */
export function commonPrefix(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a[length] === b[length]) length++;
  return length;
}
