import { EXACT_SCORES } from '../pipeline/models/unigram.js';

type Json = Readonly<Record<string, unknown>>;

/** What a class of transformers makes of a tokenizer's vocabulary and its settings. */
interface Rebuilder {
  readonly model: 'BPE' | 'Unigram' | 'WordPiece';
  /** Special tokens where the folder names none; null: none. */
  readonly special: Readonly<Record<string, string | null>>;
  /** Parts of `tokenizer.json`. `model` holds what goes beside vocabulary and merges. */
  build(settings: Settings): {
    readonly model: Json;
    readonly normalizer?: unknown;
    readonly pre_tokenizer: unknown;
    readonly decoder: unknown;
  };
  /** A post-processor of its own. Without, the file's is kept. */
  postProcessor?(tokens: SpecialIds, settings: Settings): unknown;
  /** Named tokens beside the usual ones. */
  readonly own?: Readonly<Record<string, string>>;
  /** Tokens beside those the folder names, when it names none (`additional_special_tokens`). */
  extra?(settings: Settings): readonly string[];
  /** Adds all special tokens once more, at the end: with their flags, or with the usual ones. */
  readonly addsAgain?: 'tokens' | 'texts';
}

export interface Settings {
  /** A field of `tokenizer_config.json`, or what the class takes without it. */
  get<T>(name: string, otherwise: T): T;
  /** Whether there is such a special token. */
  has(name: string): boolean;
  /** The text of a special token. */
  token(name: string): string;
  /** The `precompiled_charsmap` of the file's normalizer. */
  readonly charsmap: string | undefined;
}

/** Texts and ids of special tokens, by name. */
export type SpecialIds = (name: string) => { readonly text: string; readonly id: number };

const bytes = (addsSpace: boolean, usesPattern: boolean): Json => ({
  type: 'ByteLevel',
  add_prefix_space: addsSpace,
  trim_offsets: true,
  use_regex: usesPattern,
});

const byteDecoder = bytes(true, true);

const replace = (text: string, content: string): Json => ({ type: 'Replace', pattern: { String: text }, content });

const metaspace = (scheme: string, splits: boolean): Json => ({
  type: 'Metaspace',
  replacement: '▁',
  prepend_scheme: scheme,
  split: splits,
});

const SPACE_DECODERS = [replace('▁', ' '), { type: 'ByteFallback' }, { type: 'Fuse' }];
const STRIPS_ONE = { type: 'Strip', content: ' ', start: 1, stop: 0 };

const split = (pattern: string): Json => ({ type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false });

const sequence = (...pretokenizers: Json[]): Json => ({ type: 'Sequence', pretokenizers });

/** Pieces of a template: a token's text with its id, or the text (`$A`). */
function template(...pieces: (ReturnType<SpecialIds> | '$A')[]): Json {
  const special: Record<string, unknown> = {};
  const single = pieces.map((piece) => {
    if (piece === '$A') return { Sequence: { id: 'A', type_id: 0 } };
    special[piece.text] = { id: piece.text, ids: [piece.id], tokens: [piece.text] };
    return { SpecialToken: { id: piece.text, type_id: 0 } };
  });
  return { type: 'TemplateProcessing', single, pair: [], special_tokens: special };
}

const truth = (value: unknown): boolean => value !== null && value !== undefined && value !== false;

const qwen = (pattern: string): Rebuilder => ({
  model: 'BPE',
  special: { unk_token: '<|endoftext|>', bos_token: null, eos_token: '<|endoftext|>', pad_token: '<|endoftext|>' },
  build: (settings) => ({
    model: { fuse_unk: false, byte_fallback: false },
    normalizer: { type: 'NFC' },
    pre_tokenizer: sequence(split(pattern), bytes(truth(settings.get('add_prefix_space', false)), false)),
    decoder: byteDecoder,
  }),
});

const gpt2Like = (special: Rebuilder['special'], normalizer?: Json): Rebuilder => ({
  model: 'BPE',
  special,
  build: (settings) => ({
    model: { fuse_unk: false, byte_fallback: false },
    normalizer,
    pre_tokenizer: bytes(truth(settings.get('add_prefix_space', false)), true),
    decoder: byteDecoder,
  }),
});

const CODE_LLAMA_TOKENS = {
  ...{ prefix_token: '▁<PRE>', middle_token: '▁<MID>', suffix_token: '▁<SUF>' },
  ...{ eot_token: '▁<EOT>', fill_token: '<FILL_ME>' },
};
const END_OF_TEXT = '<|endoftext|>';
const BERT_SPECIAL = { unk_token: '[UNK]', sep_token: '[SEP]', pad_token: '[PAD]', cls_token: '[CLS]', mask_token: '[MASK]' };
const ROBERTA_SPECIAL = {
  ...{ bos_token: '<s>', eos_token: '</s>', sep_token: '</s>', cls_token: '<s>' },
  ...{ unk_token: '<unk>', pad_token: '<pad>', mask_token: '<mask>' },
};

/** transformers 5.23: the classes that build a pipeline of their own out of a folder's vocabulary, by their sources. */
export const REBUILDERS = {
  LlamaTokenizer: {
    model: 'BPE',
    special: { unk_token: '<unk>', bos_token: '<s>', eos_token: '</s>' },
    build: (settings) => {
      const prefix = settings.get<unknown>('add_prefix_space', null) ?? true;
      const old = truth(settings.get<unknown>('legacy', false));
      return {
        model: { fuse_unk: true, byte_fallback: true },
        pre_tokenizer: metaspace(prefix === true ? (old ? 'always' : 'first') : 'never', false),
        decoder: { type: 'Sequence', decoders: [...SPACE_DECODERS, ...(prefix === true ? [STRIPS_ONE] : [])] },
      };
    },
  },
  CodeLlamaTokenizer: {
    model: 'BPE',
    special: { unk_token: '<unk>', bos_token: '<s>', eos_token: '</s>' },
    build: (settings) => {
      const prefix = settings.get<unknown>('add_prefix_space', true) ?? true;
      return {
        model: { fuse_unk: true, byte_fallback: true, unk_token: settings.token('unk_token') },
        pre_tokenizer: metaspace(prefix === true ? 'first' : 'never', false),
        decoder: { type: 'Sequence', decoders: [...SPACE_DECODERS, STRIPS_ONE] },
      };
    },
    postProcessor: (tokens, settings) => (settings.has('bos_token') ? template(tokens('bos_token'), '$A') : template('$A')),
    own: CODE_LLAMA_TOKENS,
    extra: () => Object.values(CODE_LLAMA_TOKENS),
  },
  Qwen2Tokenizer: {
    ...qwen(
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    ),
    addsAgain: 'texts',
  },
  Qwen3_5Tokenizer: qwen(
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  ),
  GemmaTokenizer: {
    model: 'BPE',
    special: { unk_token: '<unk>', bos_token: '<bos>', eos_token: '<eos>', pad_token: '<pad>', mask_token: '<mask>' },
    build: (settings) => ({
      model: { fuse_unk: true, byte_fallback: true, unk_token: settings.token('unk_token') },
      normalizer: replace(' ', '▁'),
      pre_tokenizer: { type: 'Split', pattern: { String: ' ' }, behavior: 'MergedWithPrevious', invert: false },
      decoder: { type: 'Sequence', decoders: SPACE_DECODERS },
    }),
  },
  GPT2Tokenizer: gpt2Like({ unk_token: END_OF_TEXT, bos_token: END_OF_TEXT, eos_token: END_OF_TEXT, pad_token: null }),
  GPTNeoXTokenizer: {
    ...gpt2Like({ unk_token: END_OF_TEXT, bos_token: END_OF_TEXT, eos_token: END_OF_TEXT, pad_token: '<|padding|>' }, { type: 'NFC' }),
    // What the folder says of adding tokens was left out before.
    postProcessor: () => template('$A'),
  },
  CohereTokenizer: {
    model: 'BPE',
    special: {
      ...{ unk_token: '<UNK>', bos_token: '<BOS_TOKEN>', eos_token: '<|END_OF_TURN_TOKEN|>', pad_token: '<PAD>' },
      ...{ cls_token: '<CLS>', sep_token: '<SEP>', mask_token: '<MASK_TOKEN>' },
    },
    build: (settings) => ({
      model: { fuse_unk: false, byte_fallback: false },
      normalizer: { type: 'NFC' },
      pre_tokenizer: sequence({ type: 'Digits', individual_digits: true }, bytes(truth(settings.get('add_prefix_space', false)), true)),
      decoder: byteDecoder,
    }),
    addsAgain: 'tokens',
  },
  RobertaTokenizer: {
    ...gpt2Like(ROBERTA_SPECIAL),
    postProcessor: (tokens) => template(tokens('cls_token'), '$A', tokens('sep_token')),
  },
  BertTokenizer: {
    model: 'WordPiece',
    special: BERT_SPECIAL,
    build: (settings) => ({
      model: { unk_token: settings.token('unk_token'), continuing_subword_prefix: '##', max_input_chars_per_word: 100 },
      normalizer: {
        type: 'BertNormalizer',
        clean_text: true,
        handle_chinese_chars: settings.get('tokenize_chinese_chars', true),
        strip_accents: settings.get<unknown>('strip_accents', null),
        lowercase: settings.get('do_lower_case', true),
      },
      pre_tokenizer: { type: 'BertPreTokenizer' },
      decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    }),
    postProcessor: (tokens) => template(tokens('cls_token'), '$A', tokens('sep_token')),
  },
  T5Tokenizer: {
    model: 'Unigram',
    special: { eos_token: '</s>', unk_token: '<unk>', pad_token: '<pad>' },
    build: (settings) => ({
      model: { unk_id: 2, byte_fallback: false, [EXACT_SCORES]: true },
      normalizer: settings.charsmap === undefined ? null : { type: 'Precompiled', precompiled_charsmap: settings.charsmap },
      pre_tokenizer: sequence({ type: 'WhitespaceSplit' }, metaspace('always', true)),
      decoder: metaspace('always', true),
    }),
    postProcessor: (tokens) => template('$A', { text: '</s>', id: tokens('eos_token').id }),
    extra: (settings) => Array.from({ length: settings.get('extra_ids', 100) }, (_, index) => `<extra_id_${index}>`),
  },
  XLMRobertaTokenizer: {
    model: 'Unigram',
    special: ROBERTA_SPECIAL,
    build: (settings) => {
      const scheme = truth(settings.get('add_prefix_space', true)) ? 'always' : 'never';
      return {
        model: { unk_id: 3, byte_fallback: false, [EXACT_SCORES]: true },
        normalizer: settings.charsmap === undefined ? null : { type: 'Precompiled', precompiled_charsmap: settings.charsmap },
        pre_tokenizer: sequence({ type: 'WhitespaceSplit' }, metaspace(scheme, true)),
        decoder: metaspace(scheme, true),
      };
    },
    postProcessor: (tokens) => template(tokens('bos_token'), '$A', tokens('eos_token')),
  },
} as const satisfies Readonly<Record<string, Rebuilder>>;

export type ClassName = keyof typeof REBUILDERS;

export const rebuilderOf = (name: ClassName): Rebuilder => REBUILDERS[name];
