import type { Message, MessagePair, TextPair } from '../dataset/index.js';
import { readRow } from '../checks/row-pairs.js';

/** Words that JSON writes as they are, whoever writes it. */
const PLAIN_WORD = /^[ !#-[\]-~]+$/;

/** Finds words in the texts of pairs: prompt, responses and all that messages hold, in any case. */
export class TextSearch {
  readonly #words: readonly string[];
  readonly #areLiteral: boolean;

  /** @param words lower case; each must be in one of the texts */
  constructor(words: readonly string[]) {
    this.#words = words;
    // JSON may write a slash with a backslash before it.
    this.#areLiteral = words.every((word) => PLAIN_WORD.test(word) && !word.includes('/'));
  }

  /**
   * The numbers of a row's pairs that have all words; of a row that cannot be read, 0 if it has them as it stands.
   *
   * @param text JSON text of the row
   */
  pairs(text: string): number[] {
    // Most rows are told by their source. An escape may stand for anything.
    if (this.#areLiteral && !text.includes('\\u')) {
      const source = text.toLowerCase();
      if (!this.#words.every((word) => source.includes(word))) return [];
    }
    const read = readRow(text);
    if (read === undefined || read.pairs.length === 0) return this.#has([text.toLowerCase()]) ? [0] : [];
    return read.pairs.flatMap((pair, number) => (this.#has(textsOf(pair).map((each) => each.toLowerCase())) ? [number] : []));
  }

  #has(texts: readonly string[]): boolean {
    return this.#words.every((word) => texts.some((text) => text.includes(word)));
  }
}

function textsOf({ prompt, chosen, rejected }: TextPair | MessagePair): string[] {
  return [prompt, chosen, rejected].flatMap((part: string | readonly Message[]) =>
    typeof part === 'string' ? [part] : part.flatMap((message) => textsOfMessage(message)),
  );
}

function textsOfMessage({ role, content, ...others }: Message): string[] {
  const calls = others['tool_calls'];
  return [role, content ?? '', ...(calls === undefined ? [] : [JSON.stringify(calls)])];
}
