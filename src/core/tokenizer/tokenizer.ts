import { createHash } from 'node:crypto';
import path from 'node:path';
import { BadRowError, WishboneError } from '../errors.js';
import { mostBytes, readPlainText } from '../files/plain-file.js';
import { unlessMissing } from '../files/unless-missing.js';
import { ChatTemplate, type NamedTemplates } from './chat-template.js';
import { FALLBACK_TEMPLATES, type TemplateName } from './fallback-templates.js';
import { chatTemplates, readTemplateFiles, type TemplateFile } from './template-files.js';
import { loadOniguruma, MATCHING, PatternError, secondsFor, TimeLimitError, withinTime } from './pattern/index.js';
import type { AddedToken } from './pipeline/added-tokens.js';
import { JsonField, TokenizerJsonError } from './pipeline/json.js';
import { PipelineError } from './pipeline/normalized-string.js';
import { usesOniguruma } from './pipeline/normalizers.js';
import type { Pipeline } from './pipeline/pipeline.js';
import type { Frame } from './pipeline/post-processors.js';
import { TokenBuffer } from './token-buffer.js';
import { buildTokenizer, type BuiltTokenizer } from './transformers/build.js';
import { tokenizerClass } from './transformers/tokenizer-class.js';

/** The special tokens a chat template may name. */
const SPECIAL_TOKEN_NAMES = ['bos_token', 'eos_token', 'unk_token', 'pad_token', 'sep_token', 'cls_token', 'mask_token'] as const;
export type SpecialTokenName = (typeof SPECIAL_TOKEN_NAMES)[number];

type Json = Record<string, unknown>;

/** What a tokenizer is made of, for writing it in another format. */
export interface TokenizerDescription {
  /** `tokenizer.json`, or what the tokenizer's class makes of it. */
  readonly json: Readonly<Record<string, unknown>>;
  /** `tokenizer.json` as the folder has it. */
  readonly file: Readonly<Record<string, unknown>>;
  /** `tokenizer_config.json` */
  readonly config: Readonly<Record<string, unknown>>;
  /** Tokens that are looked for before anything else, by id. */
  readonly added: ReadonlyMap<number, AddedToken>;
  /** What is put around a text: ids, and the text itself. */
  readonly frame: Frame;
  /** Chat templates by name. */
  readonly templates: NamedTemplates | undefined;
}

/** A model folder's own tokenizer and chat template. */
export class ModelTokenizer {
  readonly #folder: string;
  readonly #built: BuiltTokenizer;
  readonly #template: ChatTemplate | undefined;
  readonly #specialTokens: Readonly<Partial<Record<SpecialTokenName, string>>>;
  readonly #buffer = new TokenBuffer();
  readonly #files: Pick<TokenizerDescription, 'file' | 'config' | 'templates'>;

  private constructor(
    folder: string,
    built: BuiltTokenizer,
    template: ChatTemplate | undefined,
    specialTokens: Readonly<Partial<Record<SpecialTokenName, string>>>,
    files: Pick<TokenizerDescription, 'file' | 'config' | 'templates'>,
  ) {
    this.#files = files;
    this.#folder = folder;
    this.#built = built;
    this.#template = template;
    this.#specialTokens = specialTokens;
  }

  /**
   * Reads `tokenizer.json`, `tokenizer_config.json`, and the chat templates from files of their own or the config.
   *
   * @param templateName a chat template to take instead
   * @throws WishboneError naming the file that is missing or damaged, or what the other template lacks
   */
  static async load(folder: string, templateName: TemplateName = 'model'): Promise<ModelTokenizer> {
    const files = await readFiles(folder);
    const { config: configFile } = tokenizerFiles(folder);
    const config = parse(files.config, configFile);
    const named = chatTemplates(files.templates, config, configFile);
    const template = named && new ChatTemplate(named);
    const built = await build(folder, files, config);
    const special = Object.fromEntries(
      SPECIAL_TOKEN_NAMES.flatMap((name) => (built.special.has(name) ? [[name, built.special.get(name)]] : [])),
    ) as Partial<Record<SpecialTokenName, string>>;
    const own = new ModelTokenizer(folder, built, template, special, {
      file: parse(files.tokenizer, tokenizerFiles(folder).tokenizer),
      config,
      templates: named,
    });
    return templateName === 'model' ? own : own.#withTemplate(templateName);
  }

  #withTemplate(name: Exclude<TemplateName, 'model'>): ModelTokenizer {
    const [folder, built, specialTokens] = [this.#folder, this.#built, this.#specialTokens];
    const { template, needs } = FALLBACK_TEMPLATES[name];
    const { eosToken } = this;
    const lacking = needs.find((token) => this.encode(token, false).length !== 1);
    if (lacking !== undefined) {
      throw new WishboneError(
        `the tokenizer has no token ${lacking}, which the chat template "${name}" needs`,
        tokenizerFiles(folder).tokenizer,
        'use another chat template: zephyr and plain need no special tokens',
      );
    }
    const { bos_token: bos = '' } = specialTokens;
    const isPutBefore = bos !== '' && this.encode('', true)[0] === this.encode(bos, false)[0];
    const special = { ...specialTokens, eos_token: eosToken, bos_token: isPutBefore ? bos : '' };
    return new ModelTokenizer(folder, built, ChatTemplate.of(template, `chat template "${name}"`), special, this.#files);
  }

  /**
   * Token ids of a text.
   *
   * @param addSpecialTokens whether the tokenizer puts its own special tokens around it (BOS, for most)
   * @throws WishboneError when the text cannot be tokenised as transformers does, or takes too long
   */
  encode(text: string, addSpecialTokens: boolean): number[] {
    this.#buffer.length = 0;
    this.encodeInto(text, addSpecialTokens, this.#buffer);
    return Array.from(this.#buffer.view());
  }

  /** The same, appended to a buffer. */
  encodeInto(text: string, addSpecialTokens: boolean, into: TokenBuffer): void {
    try {
      withinTime(secondsFor(text.length), () => this.#pipeline.encode(text, addSpecialTokens, into));
    } catch (error) {
      throw this.#failure(error);
    }
  }

  get #pipeline(): Pipeline {
    return this.#built.pipeline;
  }

  #failure(error: unknown): unknown {
    const file = tokenizerFiles(this.#folder).tokenizer;
    if (error instanceof TimeLimitError) {
      const what = MATCHING.source === '' ? 'tokenising' : `the pattern ${MATCHING.source}`;
      return new WishboneError(`${what} takes more than ${error.seconds} seconds on one text`, file, PATTERN_ADVICE);
    }
    if (error instanceof PatternError) return new BadRowError(error.message, file, PATTERN_ADVICE);
    if (error instanceof PipelineError) {
      return new BadRowError(`the text cannot be tokenised: ${error.message}`, file, 'fix the row, or the tokenizer');
    }
    return error;
  }

  /** What the tokenizer is made of. */
  get description(): TokenizerDescription {
    const { pipeline, json } = this.#built;
    return { ...this.#files, json, added: pipeline.added.all, frame: pipeline.frame(true) };
  }

  /** Whether `unlearntToken` says anything of any id. */
  get hasUnlearntTokens(): boolean {
    return this.#built.unlearnt.size > 0;
  }

  /**
   * A token that no model was trained with: transformers adds it to the vocabulary since a config names it, though
   * tokenizer.json has none. Undefined for other ids.
   */
  unlearntToken(id: number): string | undefined {
    return this.#built.unlearnt.get(id);
  }

  /** The text that ends a response. @throws WishboneError when the model folder names none */
  get eosToken(): string {
    const eos = this.#specialTokens.eos_token;
    if (eos === undefined) {
      throw new WishboneError(
        'the tokenizer names no end-of-sequence token, so a response cannot end',
        `${path.join(this.#folder, 'tokenizer_config.json')}, field "eos_token"`,
        'add "eos_token" with the token that ends a response',
      );
    }
    return eos;
  }

  get hasChatTemplate(): boolean {
    return this.#template !== undefined;
  }

  /** @throws WishboneError when the model folder has none */
  get chatTemplate(): ChatTemplate {
    if (!this.#template) {
      throw new WishboneError(
        'the dataset holds messages, but the model has no chat template',
        path.join(this.#folder, 'tokenizer_config.json'),
        'add chat_template.jinja to the model folder, choose a template by name (chat_template: chatml, zephyr or plain), or ' +
          'use a dataset with plain text prompts and responses',
      );
    }
    return this.#template;
  }

  /** Special tokens by name, as a chat template sees them. */
  get specialTokenTexts(): Readonly<Partial<Record<SpecialTokenName, string>>> {
    return this.#specialTokens;
  }

  /** The text of some tokens, special ones included. Characters of which bytes are missing become U+FFFD. */
  decode(ids: ArrayLike<number>): string {
    try {
      return withinTime(secondsFor(ids.length), () => this.#pipeline.decode(Array.from(ids)));
    } catch (error) {
      throw this.#failure(error);
    }
  }

  /** The token of an id, for messages to people. */
  tokenText(id: number): string {
    return this.#pipeline.added.all.get(id)?.content ?? this.#pipeline.model.tokenOf(id) ?? `#${id}`;
  }
}

const PATTERN_ADVICE = 'use a tokenizer without this pattern, or remove the text';

/** @throws WishboneError when the folder's tokenizer is damaged, or none that can be done exactly */
async function build(folder: string, files: Files, config: Json): Promise<BuiltTokenizer> {
  const names = tokenizerFiles(folder);
  const tokenizer = parse(files.tokenizer, names.tokenizer);
  const model = files.model === undefined ? undefined : parse(files.model, names.model);
  const kind = tokenizerClass(config, model, files.tokenizer);
  if (kind.kind === 'unknown') {
    throw new WishboneError(
      `transformers does not use tokenizer.json unchanged: its class ${kind.name} builds a different tokenizer from it`,
      `${names.config}, field "tokenizer_class"`,
      'if tokenizer.json is right unchanged, write "PreTrainedTokenizerFast" there',
    );
  }
  try {
    const { normalizer, pre_tokenizer: preTokenizer, decoder } = tokenizer;
    if (kind.kind === 'as it stands' && usesOniguruma([normalizer, preTokenizer, decoder])) await loadOniguruma();
    const field = (text: string | undefined, file: string): JsonField | undefined =>
      text === undefined ? undefined : new JsonField(parse(text, file), '');
    const parts = {
      tokenizer,
      config: new JsonField(config, ''),
      map: field(files.specialTokens, names.specialTokens),
      added: field(files.added, names.added),
    };
    return buildTokenizer(parts, kind);
  } catch (error) {
    if (error instanceof WishboneError) throw error;
    const where = error instanceof TokenizerJsonError && error.field !== '' ? `field "${error.field}": ` : '';
    throw new WishboneError(
      `the tokenizer cannot be used: ${where}${error instanceof Error ? error.message : String(error)}`,
      names.tokenizer,
      'save it again with a recent transformers: AutoTokenizer.from_pretrained(…).save_pretrained(folder)',
    );
  }
}

/** SHA-256 (hex) of all that decides what a model folder's tokenizer and chat template make of a text. */
export async function tokenizerHash(folder: string): Promise<string> {
  const { tokenizer, config, templates, specialTokens, added, model } = await readFiles(folder);
  const hash = createHash('sha256');
  const templateTexts = templates.flatMap(({ name, text }) => [name, text]);
  for (const text of [tokenizer, config, specialTokens ?? '', added ?? '', ...templateTexts]) hash.update(text).update('\0');
  // Such a template writes the date into every text.
  const isDated = [config, ...templateTexts].some((text) => text.includes('strftime_now'));
  if (isDated) hash.update(new Date().toDateString());
  // Of config.json what says which class of transformers reads the tokenizer.
  const { model_type: type, tokenizer_class: name } = model === undefined ? {} : parse(model, tokenizerFiles(folder).model);
  hash.update(JSON.stringify([type, name]));
  return hash.digest('hex');
}

const tokenizerFiles = (folder: string) => ({
  tokenizer: path.join(folder, 'tokenizer.json'),
  config: path.join(folder, 'tokenizer_config.json'),
  specialTokens: path.join(folder, 'special_tokens_map.json'),
  added: path.join(folder, 'added_tokens.json'),
  model: path.join(folder, 'config.json'),
});

/** The texts of a folder's files. */
interface Files {
  readonly tokenizer: string;
  readonly config: string;
  readonly templates: readonly TemplateFile[];
  readonly specialTokens: string | undefined;
  readonly added: string | undefined;
  readonly model: string | undefined;
}

/** @throws WishboneError when one that must be there is not, or one cannot be read */
async function readFiles(folder: string): Promise<Files> {
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
    added: await readText(files.added),
    model: await readText(files.model),
  };
}

function readText(file: string): Promise<string | undefined> {
  return unlessMissing(file, () => readPlainText(file, mostBytes.tokenizer));
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
