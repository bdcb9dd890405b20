/** A stretch of text that should not be there. */
export interface Suspicion {
  readonly check: 'template-token' | 'mojibake';
  /** Where the first one is: index into the text and length, in UTF-16 units. */
  readonly at: number;
  readonly length: number;
  /** How many there are in the text. */
  readonly count: number;
}

/** What chat templates put around messages: ChatML, Llama 2 and 3, Gemma, Phi, DeepSeek, Mistral and their like. */
const TEMPLATE_TOKENS =
  /<\|[\w.-]{1,40}\|>|<｜[^｜<>]{1,40}｜>|\[\/?INST\]|<<\/?SYS>>|<\/?s>|<(?:start|end)_of_turn>|<(?:bos|eos|pad|unk)>/g;

/**
 * UTF-8 that was read as Latin-1 or Windows-1252, as in "cafÃ©" and "donâ€™t", and the sign for what could not be
 * read at all. What one of them may be in some language is left out: Ã ends words in capitals and may well stand before
 * a quotation mark, single Ð and Ñ are letters.
 */
const MOJIBAKE = new RegExp(
  [
    '\\ufffd',
    '[ÂÃ][\\u0080-\\u00bf€ƒ†‡ˆ‰Š‹ŒŽ•˜™š›œžŸ]',
    'â(?:€|\\u0080|„|‚|\\u0084|\\u0082|†|œ|\\u009c|˜|\\u0098)[\\u0080-\\u00bf‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ¢€]',
    '(?:[ÐÑ][\\u0080-\\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]){2,}',
    'ð[Ÿ\\u009f][\\u0080-\\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]{1,2}',
    'ï»¿',
  ].join('|'),
  'g',
);

/** Template tokens and mojibake in a text: at most one suspicion of each kind. */
export function findSuspicious(text: string): Suspicion[] {
  const found: Suspicion[] = [];
  for (const [check, pattern] of [
    ['template-token', TEMPLATE_TOKENS],
    ['mojibake', MOJIBAKE],
  ] as const) {
    let first: RegExpExecArray | undefined;
    let count = 0;
    pattern.lastIndex = 0;
    for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
      first ??= match;
      count++;
    }
    if (first !== undefined) found.push({ check, at: first.index, length: first[0].length, count });
  }
  return found;
}
