import { WishboneError } from '../../errors.js';
import type { RowCheck } from '../row.js';
import type { RowSettings } from '../row-pairs.js';
import { RowTokenizer, type RowTokens } from '../row-tokens.js';
import type { TokenSums, Trouble } from './messages.js';

/** Rows asked for one by one whose tokens are remembered: several screens full. */
const MOST_REMEMBERED = 2000;

/** Loads tokenizers, and keeps the one used last: each may take hundreds of megabytes. */
export class TokenizerShelf {
  #folder: string | undefined;
  #loading: Promise<RowTokenizer> | undefined;

  /** @throws WishboneError naming the file that is missing or damaged */
  load(folder: string): Promise<RowTokenizer> {
    if (this.#folder === folder && this.#loading !== undefined) return this.#loading;
    this.#folder = folder;
    const loading = RowTokenizer.load(folder);
    this.#loading = loading;
    // Whoever asks again after a failure may have put the folder right.
    loading.catch(() => {
      if (this.#loading === loading) this.#loading = undefined;
    });
    return loading;
  }
}

/** The tokens of rows with one tokenizer and one longest sequence, each worked out once. */
export class TokenSource {
  readonly #byCheck = new WeakMap<RowCheck, RowTokens | 'none'>();
  readonly #byText = new Map<string, RowTokens | undefined>();

  constructor(
    readonly tokenizer: RowTokenizer,
    readonly maxLength: number,
    /** How rows are read. */
    readonly settings: RowSettings = {},
  ) {}

  /** What is known of a row of a document. */
  known(check: RowCheck): RowTokens | undefined {
    const known = this.#byCheck.get(check);
    return known === 'none' ? undefined : known;
  }

  /** Whether a row of a document has been worked out. */
  has(check: RowCheck): boolean {
    return this.#byCheck.has(check);
  }

  /** Works a row of a document out unless that is done. @returns whether it was new */
  add(check: RowCheck, text: string): boolean {
    if (this.#byCheck.has(check)) return false;
    this.#byCheck.set(check, this.#byText.get(text) ?? this.tokenizer.row(text, this.maxLength, this.settings) ?? 'none');
    return true;
  }

  /** The tokens of a row that is asked for by its text. */
  row(text: string): RowTokens | undefined {
    if (this.#byText.has(text)) return this.#byText.get(text);
    const tokens = this.tokenizer.row(text, this.maxLength, this.settings);
    if (this.#byText.size >= MOST_REMEMBERED) this.#byText.clear();
    this.#byText.set(text, tokens);
    return tokens;
  }

  sums(checks: readonly RowCheck[]): TokenSums {
    let [pairs, naiveTokens, sharedTokens, naive, shared] = [0, 0, 0, 0, 0];
    let hasFlops = false;
    let longest = 0;
    for (const check of checks) {
      longest = Math.max(longest, this.known(check)?.longest ?? 0);
      for (const pair of this.known(check)?.pairs ?? []) {
        pairs++;
        naiveTokens += pair.naiveTokens;
        sharedTokens += pair.sharedTokens;
        hasFlops = pair.flops !== undefined;
        naive += pair.flops?.naive ?? 0;
        shared += pair.flops?.shared ?? 0;
      }
    }
    longest = Math.min(longest, this.tokenizer.maxPositions ?? Infinity);
    return { pairs, naiveTokens, sharedTokens, longest, flops: hasFlops ? { naive, shared } : undefined };
  }
}

/** An error of something outside as it is sent; any other is thrown again. */
export function troubleOf(error: unknown): Trouble {
  if (!(error instanceof WishboneError)) throw error;
  const { what, where, advice } = error;
  return { what, where, advice };
}
