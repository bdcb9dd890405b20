import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { BPE, Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { WishboneError } from '../errors.js';
import { ByteLevelEncoder } from './byte-level.js';
import { ChatTemplate } from './chat-template.js';
import { fallbackTemplates, type TemplateName } from './fallback-templates.js';
import { chatTemplates, readTemplateFiles, type TemplateFile } from './template-files.js';
import { TokenBuffer } from './token-buffer.js';

/** The special tokens a chat template may name. */
export const specialTokenNames = [
  'bos_token',
  'eos_token',
  'unk_token',
  'pad_token',
  'sep_token',
  'cls_token',
  'mask_token',
] as const;
export type SpecialTokenName = (typeof specialTokenNames)[number];

type Json = Record<string, unknown>;

/** A model folder's own tokenizer and chat template. */
export class ModelTokenizer {
  private readonly buffer = new TokenBuffer();
  /** What the tokenizer puts around a text, once asked for. */
  private frame: { readonly before: readonly number[]; readonly after: readonly number[] } | undefined;

  private constructor(
    private readonly folder: string,
    private readonly tokenizer: HuggingFaceTokenizer,
    /** For tokenizers that have one, a faster way to the same ids. */
    private readonly byteLevel: ByteLevelEncoder | undefined,
    private readonly template: ChatTemplate | undefined,
    private readonly specialTokens: Readonly<Partial<Record<SpecialTokenName, string>>>,
  ) {}

  /**
   * Reads `tokenizer.json`, `tokenizer_config.json`, and the chat templates from files of their own or the config.
   *
   * @param templateName a chat template to take instead
   * @throws WishboneError naming the file that is missing or damaged, or what the other template lacks
   */
  static async load(folder: string, templateName: TemplateName = 'model'): Promise<ModelTokenizer> {
    const files = await readFiles(folder);
    const { tokenizer: tokenizerFile, config: configFile } = tokenizerFiles(folder);
    const config = parse(files.config, configFile);
    const special = readSpecialTokens(folder, config, files.specialTokens);
    const named = chatTemplates(files.templates, config, configFile);
    const template = named && new ChatTemplate(named);
    const json = parse(files.tokenizer, tokenizerFile);
    const tokenizer = build(json, config, tokenizerFile);
    const byteLevel = ByteLevelEncoder.of(tokenizer, json, config);
    const own = new ModelTokenizer(folder, tokenizer, byteLevel, template, special);
    return templateName === 'model' ? own : own.withTemplate(templateName);
  }

  private withTemplate(name: Exclude<TemplateName, 'model'>): ModelTokenizer {
    const { folder, tokenizer, byteLevel, specialTokens } = this;
    const { template, needs } = fallbackTemplates[name];
    const { eosToken } = this;
    const lacking = needs.find((token) => this.encode(token, false).length !== 1);
    if (lacking !== undefined) {
      throw new WishboneError(
        `the tokenizer has no token ${lacking}, which the chat template "${name}" is made of`,
        tokenizerFiles(folder).tokenizer,
        'take another chat template: zephyr and plain need no tokens of their own',
      );
    }
    const { bos_token: bos = '' } = specialTokens;
    const isPutBefore = bos !== '' && this.encode('', true)[0] === this.encode(bos, false)[0];
    const special = { ...specialTokens, eos_token: eosToken, bos_token: isPutBefore ? bos : '' };
    return new ModelTokenizer(folder, tokenizer, byteLevel, ChatTemplate.of(template, `chat template "${name}"`), special);
  }

  /**
   * Token ids of a text, -1 where the tokenizer has no token.
   *
   * @param addSpecialTokens whether the tokenizer puts its own special tokens around it (BOS, for most)
   */
  encode(text: string, addSpecialTokens: boolean): number[] {
    this.buffer.length = 0;
    this.encodeInto(text, addSpecialTokens, this.buffer);
    return Array.from(this.buffer.view());
  }

  /** The same, appended to a buffer. */
  encodeInto(text: string, addSpecialTokens: boolean, into: TokenBuffer): void {
    if (!this.byteLevel) {
      const { ids } = this.tokenizer.encode(text, { add_special_tokens: addSpecialTokens });
      for (const id of ids as (number | undefined)[]) into.push(id ?? -1);
      return;
    }
    const { before, after } = (this.frame ??= frameOf(this.tokenizer));
    if (addSpecialTokens) into.pushAll(before);
    this.byteLevel.encode(text, into);
    if (addSpecialTokens) into.pushAll(after);
  }

  /** The text that ends a response. @throws WishboneError when the model folder names none */
  get eosToken(): string {
    const eos = this.specialTokens.eos_token;
    if (eos === undefined) {
      throw new WishboneError(
        'the tokenizer names no end-of-sequence token, so a response cannot end',
        `${path.join(this.folder, 'tokenizer_config.json')}, field "eos_token"`,
        'add "eos_token" with the token that ends a response',
      );
    }
    return eos;
  }

  /** @throws WishboneError when the model folder has none */
  get chatTemplate(): ChatTemplate {
    if (!this.template) {
      throw new WishboneError(
        'the dataset holds messages, but the model has no chat template',
        path.join(this.folder, 'tokenizer_config.json'),
        'add chat_template.jinja to the model folder, take a template by name (chat_template: chatml, zephyr or plain), or ' +
          'use a dataset with plain text prompts and responses',
      );
    }
    return this.template;
  }

  /** Special tokens by name, as a chat template sees them. */
  get specialTokenTexts(): Readonly<Partial<Record<SpecialTokenName, string>>> {
    return this.specialTokens;
  }

  /** The text of some tokens, special ones included. Characters of which bytes are missing become U+FFFD. */
  decode(ids: ArrayLike<number>): string {
    return this.tokenizer.decode(Array.from(ids), { skip_special_tokens: false, clean_up_tokenization_spaces: false });
  }

  /** The token of an id, for messages to people. */
  tokenText(id: number): string {
    return this.tokenizer.id_to_token(id) ?? `#${id}`;
  }
}

function build(json: Json, config: Json, file: string): HuggingFaceTokenizer {
  const damaged = (why: string): WishboneError =>
    new WishboneError(
      `the tokenizer cannot be used: ${why}`,
      file,
      'save it again with a recent transformers: AutoTokenizer.from_pretrained(…).save_pretrained(folder)',
    );
  const model = json['model'];
  if (typeof model !== 'object' || model === null) throw damaged('field "model" is missing');
  const vocab = (model as Json)['vocab'];
  if (typeof vocab !== 'object' || vocab === null) throw damaged('field "model.vocab" is missing');
  if (!Array.isArray(json['added_tokens'])) throw damaged('field "added_tokens" is missing');
  try {
    const tokenizer = new HuggingFaceTokenizer(json, config);
    if (tokenizer.model instanceof BPE) tokenizer.model.cache = new WordCache() as unknown as BPE['cache'];
    return tokenizer;
  } catch (error) {
    throw damaged(error instanceof Error ? error.message : String(error));
  }
}

/** The special tokens before and after a text: those around a token that stands for it. */
function frameOf(tokenizer: HuggingFaceTokenizer): { before: readonly number[]; after: readonly number[] } {
  const text = '\0text';
  const tokens = tokenizer.post_processor?.([text], null, true).tokens ?? [text];
  const at = tokens.indexOf(text);
  const ids = (part: readonly string[]): number[] => part.map((token) => tokenizer.token_to_id(token) ?? -1);
  return { before: ids(tokens.slice(0, at)), after: ids(tokens.slice(at + 1)) };
}

/**
 * Remembers how words were split. The library's own cache keeps its entries in order of use, which costs more than
 * splitting a common word again; this one forgets everything when it is full.
 */
class WordCache {
  private readonly words = new Map<string, string[]>();

  get(word: string): string[] | undefined {
    return this.words.get(word);
  }

  put(word: string, tokens: string[]): void {
    if (this.words.size >= 200_000) this.words.clear();
    this.words.set(word, tokens);
  }

  clear(): void {
    this.words.clear();
  }
}

/** SHA-256 (hex) of all that decides what a model folder's tokenizer and chat template make of a text. */
export async function tokenizerHash(folder: string): Promise<string> {
  const { tokenizer, config, templates, specialTokens } = await readFiles(folder);
  const hash = createHash('sha256');
  const templateTexts = templates.flatMap(({ name, text }) => [name, text]);
  for (const text of [tokenizer, config, specialTokens ?? '', ...templateTexts]) hash.update(text).update('\0');
  // Such a template writes the date into every text.
  const isDated = [config, ...templateTexts].some((text) => text.includes('strftime_now'));
  if (isDated) hash.update(new Date().toDateString());
  return hash.digest('hex');
}

const tokenizerFiles = (folder: string) => ({
  tokenizer: path.join(folder, 'tokenizer.json'),
  config: path.join(folder, 'tokenizer_config.json'),
  specialTokens: path.join(folder, 'special_tokens_map.json'),
});

/** @throws WishboneError when one that must be there is not, or one cannot be read */
async function readFiles(folder: string): Promise<{
  readonly tokenizer: string;
  readonly config: string;
  readonly templates: readonly TemplateFile[];
  readonly specialTokens: string | undefined;
}> {
  const files = tokenizerFiles(folder);
  const need = async (file: string, advice: string): Promise<string> => {
    const text = await readText(file);
    if (text === undefined) throw new WishboneError(`the model folder has no ${path.basename(file)}`, file, advice);
    return text;
  };
  return {
    tokenizer: await need(
      files.tokenizer,
      'save the tokenizer there, with transformers: AutoTokenizer.from_pretrained(…).save_pretrained(folder)',
    ),
    config: await need(files.config, 'copy it from where tokenizer.json came from; it names the special tokens'),
    templates: await readTemplateFiles(folder),
    specialTokens: await readText(files.specialTokens),
  };
}

async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new WishboneError(
      `cannot read the file (${(error as Error).message})`,
      file,
      'check the file and its permissions',
    );
  }
}

function parse(text: string, file: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new WishboneError('not JSON', file, 'the file is damaged or cut off; copy it again');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new WishboneError('the file is not a JSON object', file, 'copy it again from where the model came from');
  }
  return value as Json;
}

/** `tokenizer_config.json` first, then `special_tokens_map.json`, which older models keep beside it. */
function readSpecialTokens(
  folder: string,
  config: Json,
  mapText: string | undefined,
): Partial<Record<SpecialTokenName, string>> {
  const { config: configFile, specialTokens: mapFile } = tokenizerFiles(folder);
  const map = mapText === undefined ? {} : parse(mapText, mapFile);
  const tokens: Partial<Record<SpecialTokenName, string>> = {};
  for (const name of specialTokenNames) {
    const [value, file] =
      config[name] !== undefined && config[name] !== null ? [config[name], configFile] : [map[name], mapFile];
    if (value === undefined || value === null) continue;
    const text = typeof value === 'object' ? (value as Json)['content'] : value;
    if (typeof text !== 'string' || text === '') {
      throw new WishboneError(
        `field "${name}" must be the token's text`,
        `${file}, field "${name}"`,
        'write the token as text',
      );
    }
    tokens[name] = text;
  }
  return tokens;
}
