import path from 'node:path';
import { WishboneError } from '../../errors.js';
import { mostBytes, readPlainText } from '../../files/plain-file.js';
import { ModelTokenizer, type TokenizerDescription } from '../../tokenizer/index.js';
import { bool, string, uint32, type Value } from '../values.js';
import { type Piece, piecesFromMerges, readPieces, TokenKind } from './pieces.js';
import { flat, preTokenizerOf } from './pre-tokenizer.js';
import { specialTokensOf } from './special.js';

type Json = Readonly<Record<string, unknown>>;

/** A tokenizer as llama.cpp reads it. */
export interface GgufTokenizer {
  /** `tokenizer.…` */
  readonly metadata: ReadonlyMap<string, Value>;
  readonly template: string | undefined;
  /** Texts that end a response, for a chat. */
  readonly stops: readonly string[];
  /** Tokens take away the spaces behind them, which llama.cpp does by the model's name alone. */
  readonly stripsSpaces: boolean;
  /** What llama.cpp does otherwise in rare texts, in sentences. */
  readonly notes: readonly string[];
}

/**
 * Describes a model folder's tokenizer and chat template for llama.cpp, which has byte-level BPE and SentencePiece's BPE.
 *
 * @param vocabSize rows of the embedding
 * @throws WishboneError naming the file and the field, when llama.cpp would make other tokens
 */
export async function describeTokenizer(folder: string, vocabSize: number): Promise<GgufTokenizer> {
  const tokenizer = await ModelTokenizer.load(folder);
  const { description } = tokenizer;
  const file = path.join(folder, 'tokenizer.json');
  const config = JSON.parse(await readPlainText(path.join(folder, 'config.json'), mostBytes.json)) as Json;
  const model = description.json['model'] as Json;
  if (model['type'] !== 'BPE')
    throw new WishboneError(
      `llama.cpp has no tokenizer of the kind ${String(model['type'])} for models that complete texts`,
      `${file}, field "model.type"`,
      'use the exported model with transformers',
    );
  const bytes = flat(description.json['pre_tokenizer'], 'pretokenizers').some(({ type }) => type === 'ByteLevel');
  const own = bytes ? bytePairs(tokenizer, description, vocabSize, file) : await sentencePieces(folder, tokenizer, vocabSize, file);
  const special = specialTokensOf(description, config, bytes ? undefined : vocabSize);
  const values = new Map(own.values);
  for (const [key, id] of special.ids) values.set(`tokenizer.ggml.${key}`, uint32(id));
  for (const [kind, adds] of special.added) values.set(`tokenizer.ggml.add_${kind}_token`, bool(adds));
  addFrame(values, description, special.ids, own.bos, file);
  const template = addTemplates(values, description);
  const strips = [...description.added.values()].filter(({ rstrip, lstrip, single_word }) => rstrip || lstrip || single_word);
  const notes = [...own.notes];
  if (strips.length > 0)
    notes.push(
      `tokens such as ${strips[0]!.content} take away spaces beside them in transformers, and in llama.cpp only where it knows the model`,
    );
  return { metadata: values, template, stops: stopsOf(tokenizer), stripsSpaces: strips.some(({ rstrip }) => rstrip), notes };
}

interface Own {
  readonly values: ReadonlyMap<string, Value>;
  /** Whether llama.cpp begins a text with BOS where nothing says otherwise. */
  readonly bos: boolean;
  readonly notes: readonly string[];
}

/** Byte-level BPE (`_set_vocab_gpt2` of the converter). */
function bytePairs(tokenizer: ModelTokenizer, { json, added }: TokenizerDescription, vocabSize: number, file: string): Own {
  const pre = preTokenizerOf(json, file);
  const { vocab } = json['model'] as { readonly vocab: Readonly<Record<string, number>> };
  const tokens: string[] = [];
  for (const [token, id] of Object.entries(vocab)) tokens[id] = token;
  // A token that only a config names, beyond the embedding, is in no text that the model was trained on.
  for (const [id, { content }] of added) if (id < vocabSize || tokenizer.unlearntToken(id) === undefined) tokens[id] = content;
  refuseLonger(tokens.length, vocabSize, file);
  const kinds: number[] = [];
  for (let id = 0; id < vocabSize; id++) {
    const own = added.get(id);
    if (tokens[id] === undefined) {
      tokens[id] = `[PAD${id}]`;
      kinds[id] = TokenKind.unused;
    } else if (own === undefined) {
      kinds[id] = TokenKind.normal;
    } else {
      let text = own.content;
      if (!own.normalized) text = tokenizer.decode(tokenizer.encode(text, false));
      const control = own.special || looksSpecial(text);
      kinds[id] = control ? TokenKind.control : TokenKind.userDefined;
      tokens[id] = control ? text : text.replaceAll('▁', ' ');
    }
  }
  const values = new Map<string, Value>([
    ['tokenizer.ggml.model', string('gpt2')],
    ['tokenizer.ggml.pre', string(pre.id)],
    ['tokenizer.ggml.tokens', { type: 'strings', value: tokens }],
    ['tokenizer.ggml.token_type', { type: 'int32s', value: kinds }],
    [
      'tokenizer.ggml.merges',
      { type: 'strings', value: mergesOf(json).map((pair) => pair.map((part) => part.replaceAll(' ', 'Ġ')).join(' ')) },
    ],
  ]);
  return { values, bos: pre.bos, notes: [] };
}

/** SentencePiece's BPE (`_create_vocab_sentencepiece` of the converter), also without its `tokenizer.model`. */
async function sentencePieces(folder: string, tokenizer: ModelTokenizer, vocabSize: number, file: string): Promise<Own> {
  const { json, added } = tokenizer.description;
  const model = json['model'] as Json;
  const vocab = model['vocab'] as Readonly<Record<string, number>>;
  if (model['byte_fallback'] !== true)
    throw new WishboneError(
      'llama.cpp writes unknown characters as bytes, and this tokenizer has no tokens for bytes',
      `${file}, field "model.byte_fallback"`,
      'use the exported model with transformers',
    );
  const { prefix, notes } = prefixOf(json, file);
  const stored = await readPieces(folder);
  const unknown = typeof model['unk_token'] === 'string' ? vocab[model['unk_token']] : undefined;
  const isPiece = (id: number): boolean => id !== unknown && !added.has(id);
  const pieces: readonly Piece[] = stored ?? piecesFromMerges(vocab, mergesOf(json), isPiece, file);
  const tokens: string[] = Array.from({ length: vocabSize }, (_, id) => `[PAD${id}]`);
  const scores = new Array<number>(vocabSize).fill(-10_000);
  const kinds = new Array<number>(vocabSize).fill(TokenKind.unused);
  const put = (id: number, text: string, score: number, kind: number): void => {
    if (id >= vocabSize) return;
    [tokens[id], scores[id], kinds[id]] = [text, score, kind];
  };
  for (const [id, { text, score, kind }] of pieces.entries()) put(id, text, score, kind);
  refuseLonger(
    Object.values(vocab).reduce((most, id) => Math.max(most, id + 1), 0),
    vocabSize,
    file,
  );
  for (const [token, id] of Object.entries(vocab))
    if (stored !== undefined && stored[id] !== undefined && stored[id].text !== token && !added.has(id))
      throw new WishboneError(
        `tokenizer.json calls token ${id} "${token}", and tokenizer.model "${stored[id].text}"`,
        path.join(folder, 'tokenizer.model'),
        'use files of one and the same tokenizer',
      );
  for (const [id, { content, special }] of added) {
    // A token that only a config names is in no text that the model was trained on.
    if (tokenizer.unlearntToken(id) !== undefined) continue;
    const control = special || looksSpecial(content);
    put(id, control ? content : content.replaceAll('▁', ' '), -1000, control ? TokenKind.control : TokenKind.userDefined);
  }
  const values = new Map<string, Value>([
    ['tokenizer.ggml.model', string('llama')],
    ['tokenizer.ggml.pre', string('default')],
    ['tokenizer.ggml.tokens', { type: 'strings', value: tokens }],
    ['tokenizer.ggml.scores', { type: 'float32s', value: scores }],
    ['tokenizer.ggml.token_type', { type: 'int32s', value: kinds }],
  ]);
  // llama.cpp puts a space before a text unless told otherwise.
  if (!prefix) values.set('tokenizer.ggml.add_space_prefix', bool(false));
  return { values, bos: true, notes };
}

/** Whether a text begins with a space, in every section between special tokens as llama.cpp has it. */
function prefixOf(json: Json, file: string): { readonly prefix: boolean; readonly notes: readonly string[] } {
  const normalizers = flat(json['normalizer'], 'normalizers');
  const steps = flat(json['pre_tokenizer'], 'pretokenizers');
  const said = [...normalizers, ...steps].map((step) => {
    const { type, prepend, content, prepend_scheme: scheme, split, pattern, behavior } = step as Record<string, unknown>;
    const text = (pattern as Json | undefined)?.['String'];
    if (type === 'Prepend' && prepend === '▁') return 'prefix';
    if (type === 'Replace' && text === ' ' && content === '▁') return 'spaces';
    // Nothing is left to cut once spaces are replaced.
    if (type === 'Split' && text === ' ' && behavior === 'MergedWithPrevious') return '';
    if (type === 'Metaspace' && split === false) return `metaspace ${String(scheme)}`;
    throw new WishboneError(
      `llama.cpp has no step ${String(type)} in tokenizers of this kind`,
      `${file}, field "${normalizers.includes(step) ? 'normalizer' : 'pre_tokenizer'}"`,
      'use the exported model with transformers; a GGUF file would give other tokens',
    );
  });
  const kind = said.filter((one) => one !== '').join(', ');
  if (kind === 'prefix, spaces') return { prefix: true, notes: [] };
  if (kind === 'spaces' || kind === 'metaspace never') return { prefix: false, notes: [] };
  if (kind === 'metaspace always' || kind === 'metaspace first') {
    const where = kind.endsWith('first') ? 'at the start of a text alone' : 'only where there is none';
    const note = `llama.cpp puts a space before a text and behind every special token; this tokenizer puts it ${where}`;
    return { prefix: true, notes: [note] };
  }
  throw new WishboneError(
    `llama.cpp treats spaces otherwise than this tokenizer (${kind || 'they stay as they are'})`,
    `${file}, field "normalizer"`,
    'use the exported model with transformers; a GGUF file would give other tokens',
  );
}

function mergesOf(json: Json): (readonly [string, string])[] {
  const merges = (json['model'] as Json)['merges'] as readonly (string | readonly [string, string])[];
  return merges
    .filter((merge) => typeof merge !== 'string' || !merge.startsWith('#version'))
    .map((merge) => (typeof merge === 'string' ? (merge.split(' ') as [string, string]) : merge));
}

function refuseLonger(tokens: number, vocabSize: number, file: string): void {
  if (tokens > vocabSize)
    throw new WishboneError(
      `the tokenizer has ${tokens} tokens, but the embedding has rows for ${vocabSize}`,
      file,
      'use the tokenizer of this model, or resize its embedding',
    );
}

/** What is put around a text must be what llama.cpp puts there: BOS before it, EOS behind it, or nothing. */
function addFrame(
  values: Map<string, Value>,
  { frame }: TokenizerDescription,
  ids: ReadonlyMap<string, number>,
  bosByItself: boolean,
  file: string,
): void {
  const at = frame.indexOf('text');
  const [before, after] = [frame.slice(0, at), frame.slice(at + 1)];
  const is = (tokens: typeof frame, kind: string): boolean => tokens.length === 1 && tokens[0] === ids.get(`${kind}_token_id`);
  if (at < 0 || (before.length > 0 && !is(before, 'bos')) || (after.length > 0 && !is(after, 'eos')))
    throw new WishboneError(
      'llama.cpp can put BOS before a text and EOS behind it, and this tokenizer puts other tokens there',
      `${file}, field "post_processor"`,
      'name these tokens "bos_token" and "eos_token" in tokenizer_config.json, if they are',
    );
  for (const [kind, adds, byItself] of [
    ['bos', before.length > 0, bosByItself],
    ['eos', after.length > 0, false],
  ] as const) {
    const key = `tokenizer.ggml.add_${kind}_token`;
    const said = values.get(key)?.value ?? byItself;
    if (said !== adds) values.set(key, bool(adds));
  }
}

function addTemplates(values: Map<string, Value>, { templates }: TokenizerDescription): string | undefined {
  const template = templates?.get('default')?.text;
  if (templates === undefined) return undefined;
  if (templates.size > 1) {
    const others = [...templates.keys()].filter((name) => name !== 'default').map(safeName);
    values.set('tokenizer.chat_templates', { type: 'strings', value: others.sort() });
    for (const [name, { text }] of templates) if (name !== 'default') values.set(`tokenizer.chat_template.${safeName(name)}`, string(text));
  }
  if (template !== undefined) values.set('tokenizer.chat_template', string(template));
  return template;
}

const safeName = (name: string): string => name.replace(/[^a-zA-Z0-9_]/g, '_');

/** Tokens that are control tokens whatever the file says, by their look (`does_token_look_special` of the converter). */
function looksSpecial(text: string): boolean {
  if (['<pad>', '<mask>', '<2mass>', '[@BOS@]'].includes(text)) return true;
  return (text.startsWith('<|') && text.endsWith('|>')) || (text.startsWith('<｜') && text.endsWith('｜>')) || /^<unused.*>$/s.test(text);
}

function stopsOf(tokenizer: ModelTokenizer): readonly string[] {
  const { eos_token: eos } = tokenizer.specialTokenTexts;
  const ends = ['<|im_end|>', '<|eot_id|>', '<end_of_turn>', '<|end|>', '<|endoftext|>'];
  const there = ends.filter((text) => tokenizer.encode(text, false).length === 1);
  return [...new Set([...(eos === undefined ? [] : [eos]), ...there])];
}
