import type { AddedToken } from '../pipeline/added-tokens.js';
import { JsonField } from '../pipeline/json.js';

type Json = Readonly<Record<string, unknown>>;

/** Names of special tokens that transformers knows, in its order. */
export const namedTokens = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token'] as const;

/** The files of a folder that name special tokens. */
export interface TokenFiles {
  /** `tokenizer_config.json` */
  readonly config: JsonField;
  /** `special_tokens_map.json` */
  readonly map: JsonField | undefined;
  /** `added_tokens.json` */
  readonly added: JsonField | undefined;
  /** Field `added_tokens` of `tokenizer.json` */
  readonly serialized: readonly { readonly id: number; readonly token: AddedToken }[];
}

/** Special tokens as transformers 5 reads them (`PreTrainedTokenizerBase._from_pretrained`, `__init__`). */
export interface SpecialTokens {
  /** By name; those of `namedTokens` first. A text becomes a token with the usual flags. */
  readonly named: ReadonlyMap<string, AddedToken | string>;
  /** `extra_special_tokens`, once `additional_special_tokens`. Undefined: the folder has no such list. */
  readonly extra: readonly (AddedToken | string)[] | undefined;
  /** `added_tokens_decoder`: ids that the folder gives, and tokens. */
  readonly decoder: ReadonlyMap<number, AddedToken>;
}

/**
 * @param defaults of the class, for tokens that no file names
 * @throws TokenizerJsonError when a field is no token
 */
export function readSpecialTokens(files: TokenFiles, defaults: Readonly<Record<string, string | null>>): SpecialTokens {
  const { config, map, added, serialized } = files;
  const settings: Record<string, JsonField> = {};
  for (const key of Object.keys(config.object)) settings[key] = config.get(key);
  const decoder = new Map<number, AddedToken>();
  const given = config.get('added_tokens_decoder');
  if (given.value !== undefined) {
    for (const id of Object.keys(given.object)) decoder.set(Number(id), readToken(given.get(id)));
  } else {
    // Folders of old: special_tokens_map.json goes before tokenizer_config.json, and added_tokens.json is read.
    for (const key of map === undefined ? [] : Object.keys(map.object)) settings[key] = (map as JsonField).get(key);
    readOldAdded(added, settings, decoder);
    for (const { id, token } of serialized) decoder.set(id, token);
  }
  const byContent = new Map([...decoder.values()].map((token) => [token.content, token]));
  const named = new Map<string, AddedToken | string>();
  for (const name of namedTokens) {
    const field = settings[name];
    const value = field === undefined ? (defaults[name] ?? undefined) : tokenOf(field);
    if (value !== undefined) named.set(name, byContent.get(contentOf(value)) ?? value);
  }
  const extra = extraTokens(settings);
  for (const [name, token] of modelTokens(settings)) named.set(name, token);
  return { named, extra, decoder };
}

export const contentOf = (token: AddedToken | string): string => (typeof token === 'string' ? token : token.content);

/** A special token that was given as a text. */
export const specialToken = (content: string): AddedToken => ({
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
});

function readOldAdded(added: JsonField | undefined, settings: Json, decoder: Map<number, AddedToken>): void {
  if (!added) return;
  const special = new Set<string>();
  for (const name of namedTokens) {
    const field = settings[name] as JsonField | undefined;
    const value = field && tokenOf(field);
    if (value !== undefined) special.add(contentOf(value));
  }
  for (const token of extraTokens(settings) ?? []) special.add(contentOf(token));
  for (const content of Object.keys(added.object)) {
    const isSpecial = special.has(content);
    decoder.set(added.get(content).count, { ...specialToken(content), normalized: !isSpecial, special: isSpecial });
  }
}

/** A token's text, or its text and flags; undefined for null. */
function tokenOf(field: JsonField): AddedToken | string | undefined {
  if (!field.isGiven) return undefined;
  if (typeof field.value !== 'string') return readToken(field);
  return field.value === '' ? undefined : field.value;
}

/** A token with flags, as Python's `AddedToken` takes them: those not given have their usual value. */
function readToken(field: JsonField): AddedToken {
  const flag = (name: string, otherwise: boolean): boolean => (field.get(name).isGiven ? field.get(name).flag : otherwise);
  const special = flag('special', false);
  return {
    content: field.get('content').text,
    single_word: flag('single_word', false),
    lstrip: flag('lstrip', false),
    rstrip: flag('rstrip', false),
    normalized: flag('normalized', !special),
    special,
  };
}

function extraTokens(settings: Json): readonly (AddedToken | string)[] | undefined {
  const fields = settings as Readonly<Record<string, JsonField>>;
  const [extra, additional] = [fields['extra_special_tokens'], fields['additional_special_tokens']];
  const isEmpty = !extra?.isGiven || (Array.isArray(extra.value) ? extra.value.length === 0 : Object.keys(extra.object).length === 0);
  const list = additional !== undefined && isEmpty ? additional : extra;
  if (!list?.isGiven || !Array.isArray(list.value)) return undefined;
  return list.items.map((item) => tokenOf(item)).filter((token) => token !== undefined);
}

/** Tokens that a model has beside the usual ones: fields that end in `_token`, and a dictionary of extra tokens. */
function modelTokens(settings: Json): [string, AddedToken | string][] {
  const fields = settings as Readonly<Record<string, JsonField>>;
  const tokens: [string, AddedToken | string][] = [];
  for (const [name, field] of Object.entries(fields)) {
    const isUsual = (namedTokens as readonly string[]).includes(name);
    if (isUsual || !name.endsWith('_token') || typeof field.value !== 'string') continue;
    tokens.push([name, field.value]);
  }
  const extra = fields['extra_special_tokens'];
  if (extra?.isGiven && !Array.isArray(extra.value)) {
    for (const name of Object.keys(extra.object)) {
      const token = tokenOf(extra.get(name));
      if (token !== undefined) tokens.push([name, token]);
    }
  }
  return tokens;
}
