import { rowWhere, type MessagePair, type PairText, type RowPlace, type TextPair } from '../dataset/index.js';
import { WishboneError } from '../errors.js';
import { oneLine } from './chat-template.js';
import { secondsFor, TimeLimitError, withinTime } from './pattern/index.js';
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
  private readonly prompt = new TokenBuffer();
  private readonly chosen = new TokenBuffer();
  private readonly rejected = new TokenBuffer();

  constructor(
    private readonly tokenizer: ModelTokenizer,
    private readonly options: PairTokenizerOptions,
  ) {}

  /**
   * Tokenises many pairs, with one clock for all: hardly more work than one by one would be without any.
   *
   * @throws WishboneError as `tokenize`, of the first pair that cannot be tokenised
   */
  tokenizeAll(pairs: readonly PairText[]): TokenOutcome[] {
    const each = (): TokenOutcome[] => pairs.map((pair) => this.tokenize(pair));
    try {
      return withinTime(secondsFor(pairs.reduce((sum, pair) => sum + charactersOf(pair), 0)), each);
    } catch (error) {
      if (!(error instanceof TimeLimitError)) throw error;
    }
    // One of them takes too long; each has its own clock now, so it is known which.
    return each();
  }

  /** @throws WishboneError naming file and line when the template refuses the messages or a token has no embedding */
  tokenize(pair: PairText): TokenOutcome {
    const [prompt, chosen, rejected] = this.encoded(pair);
    const common = Math.min(commonPrefix(prompt, chosen), commonPrefix(prompt, rejected));
    const wholePrompt = Math.max(1, common);
    const { maxLength, maxPromptLength = 0 } = this.options;
    const promptCut = maxPromptLength > 0 ? Math.max(0, wholePrompt - maxPromptLength) : 0;
    const promptLength = wholePrompt - promptCut;
    const place = { row: pair.row, line: pair.line };
    const shorter = Math.min(chosen.length, rejected.length) - promptCut;
    if (Math.min(shorter, maxLength) <= promptLength) return { kind: 'skipped', place };
    const tokens = (ids: Int32Array): Int32Array => this.checked(ids.slice(promptCut, promptCut + maxLength), pair);
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

  /** The three token sequences that are compared, uncut. @throws WishboneError as `tokenize`, of the template */
  renderings(pair: PairText): Renderings {
    const [prompt, chosen, rejected] = this.encoded(pair).map((ids) => ids.slice()) as [Int32Array, Int32Array, Int32Array];
    return { prompt, chosen, rejected };
  }

  /** Prompt, prompt + chosen, prompt + rejected: views that hold until the next pair. */
  private encoded(pair: PairText): [Int32Array, Int32Array, Int32Array] {
    if (pair.kind === 'text') this.text(pair);
    else this.messages(pair);
    return [this.prompt.view(), this.chosen.view(), this.rejected.view()];
  }

  private text(pair: TextPair & RowPlace): void {
    const eos = this.tokenizer.eosToken;
    const whole = (response: string): string => pair.prompt + (response.endsWith(eos) ? response : response + eos);
    this.encode(pair, [pair.prompt, whole(pair.chosen), whole(pair.rejected)], true);
  }

  private messages(pair: MessagePair & RowPlace): void {
    const template = this.tokenizer.chatTemplate;
    const render = (messages: MessagePair['prompt'], addGenerationPrompt: boolean): string => {
      try {
        return template.render({
          messages,
          tools: pair.tools,
          addGenerationPrompt,
          specialTokens: this.tokenizer.specialTokenTexts,
        });
      } catch (error) {
        throw new WishboneError(
          `the chat template refuses the messages: ${oneLine(error)}`,
          `${this.where(pair)}, with ${template.file}`,
          'change the messages to what the template expects (roles and their order), or the template',
        );
      }
    };
    this.encode(
      pair,
      [
        render(pair.prompt, true),
        render([...pair.prompt, ...pair.chosen], false),
        render([...pair.prompt, ...pair.rejected], false),
      ],
      false,
    );
  }

  /** @param texts prompt, prompt + chosen, prompt + rejected */
  private encode(place: RowPlace, texts: readonly [string, string, string], addSpecialTokens: boolean): void {
    const buffers = [this.prompt, this.chosen, this.rejected];
    for (const [index, buffer] of buffers.entries()) {
      buffer.length = 0;
      try {
        this.tokenizer.encodeInto(texts[index] as string, addSpecialTokens, buffer);
      } catch (error) {
        if (!(error instanceof WishboneError)) throw error;
        throw new WishboneError(error.what, `${this.where(place)}, with ${error.where}`, error.advice, error.exitCode);
      }
    }
  }

  private checked(ids: Int32Array, place: RowPlace): Int32Array {
    const { vocabSize, maxPositions = Infinity } = this.options;
    if (ids.length > maxPositions) {
      throw new WishboneError(
        `the pair has a sequence of ${ids.length} tokens, but the model was made for ${maxPositions} positions`,
        this.where(place),
        `set max_length to at most ${maxPositions}`,
      );
    }
    for (const id of ids) {
      const unlearnt = this.tokenizer.unlearntToken(id);
      if (unlearnt !== undefined) {
        throw new WishboneError(
          `the special token ${JSON.stringify(unlearnt)} is named in the tokenizer's configs, but tokenizer.json has no such token`,
          this.where(place),
          "take the token that the model was trained with, or add this one to the tokenizer and to the model's embedding",
        );
      }
      if (id >= vocabSize) {
        throw new WishboneError(
          `token ${id} (${JSON.stringify(this.tokenizer.tokenText(id))}) is outside the model's vocabulary of ${vocabSize}`,
          this.where(place),
          "the tokenizer does not belong to this model; use the model's own",
        );
      }
    }
    return ids;
  }

  private where(place: RowPlace): string {
    return rowWhere(this.options.file, place);
  }
}

function charactersOf(pair: PairText): number {
  if (pair.kind === 'text') return 3 * pair.prompt.length + pair.chosen.length + pair.rejected.length;
  const all = [...pair.prompt, ...pair.chosen, ...pair.rejected];
  return 3 * all.reduce((sum, { content }) => sum + (typeof content === 'string' ? content.length : 0), 0);
}

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
