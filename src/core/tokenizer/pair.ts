import { rowWhere, type MessagePair, type PairText, type RowPlace, type TextPair } from '../dataset/index.js';
import { WishboneError } from '../errors.js';
import { oneLine } from './chat-template.js';
import type { ModelTokenizer } from './tokenizer.js';

/** A pair as token ids. Both sequences begin with the same `promptLength` tokens, or differ in their first. */
export interface TokenPair extends RowPlace {
  /** prompt + chosen response */
  readonly chosen: Int32Array;
  /** prompt + rejected response */
  readonly rejected: Int32Array;
  /** Tokens [0, promptLength) are context, the others are scored. At least 1: nothing predicts the first token. */
  readonly promptLength: number;
}

/** What became of a pair. */
export type TokenOutcome =
  | { readonly kind: 'pair'; readonly pair: TokenPair; readonly truncated: boolean }
  /** `max_length` leaves a side without a response token. */
  | { readonly kind: 'skipped'; readonly place: RowPlace };

/**
 * Tokenises pairs as TRL's `DPOTrainer` does (version 1.x, `_prepare_dataset`):
 *
 * - text: the tokenizer's own special tokens around prompt, prompt + chosen, prompt + rejected; the end-of-sequence
 *   token's text is added to a response that does not end with it
 * - messages: the chat template on the prompt (with generation prompt) and on prompt + response; no special tokens
 *   beyond those the template writes
 * - the response begins where the three token sequences part (docs/architecture.md, "Where the prompt ends")
 * - `max_length` keeps the start of each sequence
 */
export class PairTokenizer {
  constructor(
    private readonly tokenizer: ModelTokenizer,
    private readonly options: { readonly maxLength: number; readonly file: string; readonly vocabSize: number },
  ) {}

  /** @throws WishboneError naming file and line when the template refuses the messages or a token has no embedding */
  tokenize(pair: PairText): TokenOutcome {
    const { prompt, chosen, rejected } = this.renderings(pair);
    const common = Math.min(commonPrefix(prompt, chosen), commonPrefix(prompt, rejected));
    const promptLength = Math.max(1, common);
    const { maxLength } = this.options;
    const place = { row: pair.row, line: pair.line };
    if (Math.min(chosen.length, rejected.length, maxLength) <= promptLength) return { kind: 'skipped', place };
    const tokens = (ids: readonly number[]): Int32Array => this.checked(ids.slice(0, maxLength), pair);
    return {
      kind: 'pair',
      pair: { ...place, chosen: tokens(chosen), rejected: tokens(rejected), promptLength },
      truncated: chosen.length > maxLength || rejected.length > maxLength,
    };
  }

  /** The three token sequences that are compared, uncut. @throws WishboneError as `tokenize`, of the template */
  renderings(pair: PairText): Renderings {
    return pair.kind === 'text' ? this.text(pair) : this.messages(pair);
  }

  private text(pair: TextPair): Renderings {
    const eos = this.tokenizer.eosToken;
    const whole = (response: string): number[] =>
      this.tokenizer.encode(pair.prompt + (response.endsWith(eos) ? response : response + eos), true);
    return {
      prompt: this.tokenizer.encode(pair.prompt, true),
      chosen: whole(pair.chosen),
      rejected: whole(pair.rejected),
    };
  }

  private messages(pair: MessagePair & RowPlace): Renderings {
    const template = this.tokenizer.chatTemplate;
    const render = (messages: MessagePair['prompt'], addGenerationPrompt: boolean): number[] => {
      let text;
      try {
        text = template.render({
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
      return this.tokenizer.encode(text, false);
    };
    return {
      prompt: render(pair.prompt, true),
      chosen: render([...pair.prompt, ...pair.chosen], false),
      rejected: render([...pair.prompt, ...pair.rejected], false),
    };
  }

  private checked(ids: readonly (number | undefined)[], place: RowPlace): Int32Array {
    const { vocabSize } = this.options;
    return Int32Array.from(ids, (id) => {
      if (id === undefined) {
        throw new WishboneError(
          'the tokenizer has no token for part of the text',
          this.where(place),
          'use a tokenizer with an unknown token or byte fallback',
        );
      }
      if (id >= vocabSize) {
        throw new WishboneError(
          `token ${id} (${JSON.stringify(this.tokenizer.tokenText(id))}) is outside the model's vocabulary of ${vocabSize}`,
          this.where(place),
          "the tokenizer does not belong to this model; use the model's own",
        );
      }
      return id;
    });
  }

  private where(place: RowPlace): string {
    return rowWhere(this.options.file, place);
  }
}

/** A pair's token ids: of the prompt alone, and of the prompt with each response. */
export interface Renderings {
  readonly prompt: readonly number[];
  readonly chosen: readonly number[];
  readonly rejected: readonly number[];
}

/** Number of leading elements that two sequences share. */
export function commonPrefix(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a[length] === b[length]) length++;
  return length;
}
