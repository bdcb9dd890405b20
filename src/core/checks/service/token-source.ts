import { WishboneError } from '../../errors.js';
import type { RowCheck } from '../row.js';
import type { RowSettings } from '../row-pairs.js';
import type { RowTokenizer, RowTokens } from '../row-tokens.js';
import type { TokenSums, Trouble } from './messages.js';

/** Rows asked for one by one whose tokens are remembered: several screens full. */
const MOST_REMEMBERED = 2000;

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

  /** Works rows of a document out, with their texts; many at once are faster. */
  add(rows: readonly (readonly [RowCheck, string])[]): void {
    const tokens = this.#rows(rows.map(([, text]) => text));
    rows.forEach(([check], at) => this.#byCheck.set(check, tokens[at] ?? 'none'));
  }

  /** The tokens of rows that are asked for by their texts. */
  rows(texts: readonly string[]): (RowTokens | undefined)[] {
    const found = this.#rows(texts);
    if (this.#byText.size + texts.length > MOST_REMEMBERED) this.#byText.clear();
    texts.slice(-MOST_REMEMBERED).forEach((text, at, last) => this.#byText.set(text, found[texts.length - last.length + at]));
    return found;
  }

  #rows(texts: readonly string[]): (RowTokens | undefined)[] {
    const unknown = texts.filter((text) => !this.#byText.has(text));
    const worked = this.tokenizer.rows(unknown, this.maxLength, this.settings).values();
    return texts.map((text) => (this.#byText.has(text) ? this.#byText.get(text) : (worked.next().value as RowTokens | undefined)));
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
