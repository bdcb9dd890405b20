import type { AddedToken } from '../pipeline/added-tokens.js';
import { ADDED_TOKEN_FLAGS, readAddedToken } from '../pipeline/added-tokens.js';
import { JsonField, TokenizerJsonError } from '../pipeline/json.js';
import { Pipeline } from '../pipeline/pipeline.js';
import { rebuilderOf, type ClassName, type Settings, type SpecialIds } from './classes.js';
import { contentOf, NAMED_TOKENS, readSpecialTokens, specialToken, type SpecialTokens, type TokenFiles } from './special-tokens.js';
import type { TokenizerClass } from './tokenizer-class.js';

type Json = Readonly<Record<string, unknown>>;

/** A tokenizer as `AutoTokenizer.from_pretrained(folder)` makes it. */
export interface BuiltTokenizer {
  readonly pipeline: Pipeline;
  /** What the pipeline was read from: `tokenizer.json`, or what the tokenizer's class makes of it. */
  readonly json: Json;
  /** Texts of special tokens, by name. */
  readonly special: ReadonlyMap<string, string>;
  /**
   * Tokens that transformers adds to the vocabulary because the configs name them, with ids that nothing in the folder says:
   * no model was trained with them.
   */
  readonly unlearnt: ReadonlyMap<number, string>;
}

/** What a folder holds of its tokenizer. */
export interface TokenizerParts {
  /** `tokenizer.json` */
  readonly tokenizer: Json;
  readonly config: JsonField;
  readonly map: JsonField | undefined;
  readonly added: JsonField | undefined;
}

/**
 * Builds a tokenizer after the sources of transformers 5.23 (`TokenizersBackend` and the classes that rebuild a pipeline).
 *
 * @throws TokenizerJsonError, PatternError, PipelineError when it cannot be used
 */
export function buildTokenizer(parts: TokenizerParts, kind: Exclude<TokenizerClass, { kind: 'unknown' }>): BuiltTokenizer {
  const json = new JsonField(parts.tokenizer, '');
  const serialized = json.get('added_tokens').items.map((item) => ({ id: item.get('id').count, token: readAddedToken(item) }));
  const rebuilder = kind.kind === 'rebuilt' ? rebuilderOf(kind.name) : undefined;
  const files: TokenFiles = { ...parts, serialized };
  const defaults = rebuilder?.special ?? {};
  const named = readSpecialTokens(files, { defaults, own: rebuilder?.own ?? {} });
  // A class that has a token for padding, or says that it has none, does not ask.
  const special = 'pad_token' in defaults ? named : withPadding(named, json, parts.config);
  const settings = settingsOf(parts.config, special, json);
  const effective = kind.kind === 'rebuilt' ? rebuilt(parts.tokenizer, kind.name, settings) : parts.tokenizer;
  const pipeline = Pipeline.read(effective);
  const splits = parts.config.get('split_special_tokens');
  pipeline.added.splitsSpecial = splits.isGiven && splits.flag;
  const extra = special.extra ?? rebuilder?.extra?.(settings) ?? [];
  const added = tokensToAdd(pipeline, special, extra);
  const known = new Map(serialized.map(({ id, token }) => [token.content, id]));
  const unlearnt = new Map<number, string>();
  const isLearnt = (content: string, id: number): boolean =>
    pipeline.model.idOf(content) !== undefined || known.get(content) === id || special.decoder.get(id)?.content === content;
  pipeline.addTokens(added);
  if (rebuilder?.addsAgain) {
    const again = [...special.named.values(), ...extra];
    const flagged = (token: AddedToken | string): AddedToken =>
      typeof token === 'string' || rebuilder.addsAgain === 'texts' ? specialToken(contentOf(token)) : { ...token, special: true };
    pipeline.addTokens(again.map(flagged));
  }
  for (const [id, { content }] of pipeline.added.all) if (!isLearnt(content, id)) unlearnt.set(id, content);
  const postProcessor = rebuilder?.postProcessor?.(idsOf(pipeline, special), settings);
  if (postProcessor !== undefined) pipeline.setPostProcessor(new JsonField(postProcessor, 'post_processor'));
  pipeline.added.makeFinders();
  pipeline.frame(true);
  return { pipeline, json: effective, special: new Map([...special.named].map(([name, token]) => [name, contentOf(token)])), unlearnt };
}

/** A padding of tokenizer.json names a token for it where nothing else does. */
function withPadding(special: SpecialTokens, json: JsonField, config: JsonField): SpecialTokens {
  const padding = json.get('padding');
  if (!padding.isGiven || config.get('pad_token').value !== undefined || special.named.has('pad_token')) return special;
  const all = new Map([...special.named, ['pad_token', padding.get('pad_token').text]]);
  const order = [...NAMED_TOKENS, ...special.named.keys()];
  return { ...special, named: new Map([...all].sort(([a], [b]) => order.indexOf(a) - order.indexOf(b))) };
}

function settingsOf(config: JsonField, special: SpecialTokens, json: JsonField): Settings {
  return {
    get: <T>(name: string, otherwise: T): T => {
      const { value } = config.get(name);
      return value === undefined ? otherwise : (value as T);
    },
    has: (name) => special.named.has(name),
    // As Python writes that there is none.
    token: (name) => contentOf(special.named.get(name) ?? 'None'),
    charsmap: charsmapOf(json.get('normalizer')),
  };
}

function charsmapOf(normalizer: JsonField): string | undefined {
  if (!normalizer.isGiven) return undefined;
  const all = normalizer.get('type').value === 'Sequence' ? normalizer.get('normalizers').items : [normalizer];
  return all.find((one) => one.get('type').value === 'Precompiled')?.get('precompiled_charsmap').text;
}

/** The file with the pipeline that a class makes of its vocabulary. */
function rebuilt(tokenizer: Json, name: ClassName, settings: Settings): Json {
  const model = new JsonField(tokenizer, '').get('model');
  const { model: kind, build } = rebuilderOf(name);
  const type = model.get('type');
  if (type.isGiven && type.value !== kind) {
    throw type.error(`the tokenizer's class is ${name}, which is built on ${kind}, and the file has "${String(type.value)}"`);
  }
  const { vocab, merges } = model.object;
  const built = build(settings);
  return {
    version: '1.0',
    added_tokens: [],
    normalizer: built.normalizer ?? null,
    pre_tokenizer: built.pre_tokenizer,
    post_processor: tokenizer['post_processor'],
    decoder: built.decoder,
    model: { type: kind, ...built.model, vocab, ...(kind === 'BPE' ? { merges: merges ?? [] } : {}) },
  };
}

/** What `TokenizersBackend.__init__` adds: of `added_tokens_decoder` what is not there yet, then special tokens that are not. */
function tokensToAdd(pipeline: Pipeline, special: SpecialTokens, extra: readonly (AddedToken | string)[]): AddedToken[] {
  const present = [...pipeline.added.all.values()];
  const same = (a: AddedToken, b: AddedToken): boolean => a.content === b.content && ADDED_TOKEN_FLAGS.every((flag) => a[flag] === b[flag]);
  const fromDecoder = [...special.decoder]
    .sort(([a], [b]) => a - b)
    .map(([, token]) => token)
    .filter((token) => !present.some((one) => same(one, token)));
  const contents = new Set([...present, ...fromDecoder].map(({ content }) => content));
  // A text and a token with flags are never the same there, so one content may come twice; the last one counts.
  const others: (AddedToken | string)[] = [];
  for (const token of [...special.named.values(), ...extra]) {
    const isThere = others.some((one) => (typeof one === 'string' || typeof token === 'string' ? one === token : same(one, token)));
    if (!contents.has(contentOf(token)) && !isThere) others.push(token);
  }
  const names = new Set([...special.named.values()].map(contentOf));
  return [...fromDecoder, ...others.map((token) => (typeof token === 'string' ? specialToken(token) : token))].map((token) =>
    names.has(token.content) ? { ...token, special: true } : token,
  );
}

function idsOf(pipeline: Pipeline, special: SpecialTokens): SpecialIds {
  return (name) => {
    const token = special.named.get(name);
    const id = token === undefined ? undefined : pipeline.idOf(contentOf(token));
    if (token === undefined || id === undefined) {
      throw new TokenizerJsonError(`the tokenizer's class needs a token for "${name}"`, name);
    }
    return { text: contentOf(token), id };
  };
}
