import { WishboneError } from '../../errors.js';
import { lettersToBytes } from '../../tokenizer/index.js';

type Json = Readonly<Record<string, unknown>>;

const WORDS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const BEFORE = '[^\\r\\n\\p{L}\\p{N}]?';
const REST = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';
const REST_WITH_SLASH = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';
const [UPPER, LOWER] = ['[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]', '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]'];
const CASED = (end: string): string => `${BEFORE}${UPPER}*${LOWER}+${end}|${BEFORE}${UPPER}+${LOWER}*${end}`;

/**
 * Ids that llama.cpp has for the ways of cutting a text before byte-level BPE (llama-vocab.cpp), by the steps of
 * `tokenizer.json` that cut so. Some ids also say that a piece that is a token is taken whole (`ignore_merges`), and whether a text
 * begins with BOS where nothing else does.
 */
const KNOWN: readonly { readonly steps: string; readonly id: string; readonly whole: boolean; readonly bos: boolean }[] = [
  { steps: `split ${WORDS}|${BEFORE}\\p{L}+|\\p{N}{1,3}|${REST}`, id: 'llama-bpe', whole: true, bos: true },
  { steps: `split ${WORDS}|${BEFORE}\\p{L}+|\\p{N}{1,3}|${REST}`, id: 'dbrx', whole: false, bos: false },
  { steps: `split ${WORDS}|${BEFORE}\\p{L}+|\\p{N}|${REST}`, id: 'qwen2', whole: false, bos: false },
  {
    steps: `split ${WORDS}|${BEFORE}[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`,
    id: 'qwen35',
    whole: false,
    bos: false,
  },
  { steps: `split ${CASED('')}|\\p{N}|${REST_WITH_SLASH}`, id: 'tekken', whole: true, bos: true },
  { steps: `split ${CASED(`${WORDS}?`)}|\\p{N}{1,3}|${REST_WITH_SLASH}`, id: 'gpt-4o', whole: false, bos: false },
  { steps: 'words', id: 'gpt-2', whole: false, bos: false },
  { steps: 'digits, words', id: 'smollm', whole: false, bos: false },
];

/** The pre-tokenizer of a byte-level tokenizer as llama.cpp calls it, and whether it begins texts with BOS by itself. */
export interface PreTokenizer {
  readonly id: string;
  readonly bos: boolean;
}

/**
 * Finds llama.cpp's id of a byte-level BPE's pre-tokenizer.
 *
 * @param json `tokenizer.json`, or what the tokenizer's class makes of it
 * @param file its path, for messages
 * @throws WishboneError when llama.cpp cuts no text so
 */
export function preTokenizerOf(json: Json, file: string): PreTokenizer {
  const refuse = (field: string, what: string): never => {
    throw new WishboneError(
      `llama.cpp has no pre-tokenizer that does what this tokenizer does: ${what}`,
      `${file}, field "${field}"`,
      'use the exported model with transformers; a GGUF file would give other tokens',
    );
  };
  const steps = stepsOf(json['pre_tokenizer']);
  const normalizers = flat(json['normalizer'], 'normalizers').map(({ type }) => String(type));
  const model = json['model'] as Json;
  const whole = model['ignore_merges'] === true;
  // Composed characters are what nearly every text has; llama.cpp takes texts as they come.
  if (normalizers.some((type) => type !== 'NFC')) refuse('normalizer', `it changes texts first (${normalizers.join(', ')})`);
  for (const field of ['continuing_subword_prefix', 'end_of_word_suffix'])
    if (typeof model[field] === 'string' && model[field] !== '') refuse(`model.${field}`, `it marks parts of words ("${model[field]}")`);
  // Digits that no token holds beside anything else stand alone whether or not they are cut off; SmolLM's are, in its own file.
  const wanted = steps === 'words' && !joinsDigits(model['vocab'] as Readonly<Record<string, number>>) ? 'digits, words' : steps;
  const same = KNOWN.filter((known) => known.steps === wanted);
  const found = same.find((known) => known.whole === whole);
  if (found !== undefined) return { id: found.id, bos: found.bos };
  if (same.length > 0)
    return refuse('model.ignore_merges', `it ${whole ? 'takes pieces whole that are tokens' : 'merges pieces that are tokens'}`);
  return refuse('pre_tokenizer', steps);
}

function joinsDigits(vocab: Readonly<Record<string, number>>): boolean {
  return Object.keys(vocab).some((token) => {
    const bytes = token.length > 1 ? lettersToBytes(token) : undefined;
    const text = bytes === undefined ? '' : Buffer.from(bytes).toString('utf8');
    return /\p{N}/u.test(text) && [...text].length > 1;
  });
}

/** What the steps before the bytes do, in words; patterns as they stand. */
function stepsOf(value: unknown): string {
  const names = flat(value, 'pretokenizers').map((step) => {
    switch (step['type']) {
      case 'ByteLevel':
        if (step['add_prefix_space'] === true) return 'a space before the text';
        return step['use_regex'] === false ? '' : 'words';
      case 'Digits':
        return step['individual_digits'] === true ? 'digits' : 'numbers';
      case 'Split': {
        const pattern = (step['pattern'] as Json | undefined)?.['Regex'];
        const { behavior, invert } = step;
        // What matches is kept and nothing else is there to remove: all of a text matches.
        const isolated = (behavior === 'Isolated' && invert !== true) || (behavior === 'Removed' && invert === true);
        return typeof pattern === 'string' && isolated ? `split ${pattern}` : `a split (${JSON.stringify(step)})`;
      }
      default:
        return String(step['type']);
    }
  });
  return names.filter((name) => name !== '').join(', ') || 'nothing is cut';
}

/** The parts of a step that may be a sequence. */
export function flat(value: unknown, inner: 'normalizers' | 'pretokenizers' | 'decoders'): Json[] {
  if (typeof value !== 'object' || value === null) return [];
  const step = value as Json;
  return step['type'] === 'Sequence' ? (step[inner] as unknown[]).flatMap((one) => flat(one, inner)) : [step];
}
