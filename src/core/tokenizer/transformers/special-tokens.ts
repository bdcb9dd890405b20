import type { AddedToken } from '../pipeline/added-tokens.js';
import { JsonField } from '../pipeline/json.js';

/** Names of special tokens that transformers knows, in its order. */
export const NAMED_TOKENS = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token'] as const;

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

/** What a class brings along. */
export interface ClassTokens {
  /** For named tokens that no file names; null: none. */
  readonly defaults: Readonly<Record<string, string | null>>;
  /** Named tokens beside the usual ones. */
  readonly own: Readonly<Record<string, string>>;
}

/** @throws TokenizerJsonError when a field is no token */
export function readSpecialTokens(files: TokenFiles, { defaults, own }: ClassTokens): SpecialTokens {
  const { config, map, added, serialized } = files;
  const settings = new Map(Object.keys(config.object).map((key) => [key, config.get(key)]));
  const given = settings.get('added_tokens_decoder');
  moveAdditional(settings, false);
  const modelTokens = takeModelTokens(settings);
  const decoder = new Map<number, AddedToken>();
  if (given !== undefined) {
    for (const id of Object.keys(given.object)) decoder.set(Number(id), readToken(given.get(id)));
  } else {
    // Folders of old: special_tokens_map.json goes before tokenizer_config.json, and added_tokens.json is read.
    if (map) for (const key of Object.keys(map.object)) settings.set(key, special(map.get(key)));
    readOldAdded(added, settings, decoder);
    for (const { id, token } of serialized) decoder.set(id, token);
  }
  const byContent = new Map([...decoder.values()].map((token) => [token.content, token]));
  const named = new Map<string, AddedToken | string>();
  for (const name of NAMED_TOKENS) {
    const field = settings.get(name);
    const value = field === undefined ? (defaults[name] ?? undefined) : tokenOf(field);
    if (value !== undefined) named.set(name, byContent.get(contentOf(value)) ?? value);
  }
  for (const [name, token] of [...Object.entries(own), ...modelTokens, ...takeModelTokens(settings)]) named.set(name, token);
  moveAdditional(settings, true);
  return { named, extra: listOf(settings.get('extra_special_tokens')), decoder };
}

type Fields = Map<string, JsonField>;

/** A token with flags in special_tokens_map.json is special, whatever it says. */
function special(field: JsonField): JsonField {
  const isToken = field.isGiven && typeof field.value === 'object' && !Array.isArray(field.value);
  const isExtra = field.name.startsWith('extra_special_tokens');
  return isToken && !isExtra ? new JsonField({ ...field.object, special: true }, field.name) : field;
}

/** `additional_special_tokens` is the old name of `extra_special_tokens`. */
function moveAdditional(settings: Fields, atEnd: boolean): void {
  const [additional, extra] = [settings.get('additional_special_tokens'), settings.get('extra_special_tokens')];
  if (additional === undefined) return;
  const isTaken = atEnd ? extra !== undefined : extra?.isGiven && Object.keys(extra.value as object).length > 0;
  if (isTaken) return;
  settings.set('extra_special_tokens', additional);
  settings.delete('additional_special_tokens');
}

/** Tokens that a model has beside the usual ones: fields that end in `_token`, and a dictionary of extra tokens. */
function takeModelTokens(settings: Fields): [string, AddedToken | string][] {
  const tokens: [string, AddedToken | string][] = [];
  for (const [name, field] of [...settings]) {
    const isUsual = (NAMED_TOKENS as readonly string[]).includes(name);
    const isToken = typeof field.value === 'string' || (field.value as { __type?: unknown } | null)?.__type === 'AddedToken';
    if (isUsual || !name.endsWith('_token') || !isToken) continue;
    const token = tokenOf(field);
    if (token !== undefined) tokens.push([name, token]);
    settings.delete(name);
  }
  const extra = settings.get('extra_special_tokens');
  if (extra?.isGiven && !Array.isArray(extra.value)) {
    for (const name of Object.keys(extra.object)) {
      const token = tokenOf(extra.get(name));
      if (token !== undefined) tokens.push([name, token]);
    }
    settings.delete('extra_special_tokens');
  }
  return tokens;
}

/** The tokens of a list; undefined without the field, none for null. */
function listOf(field: JsonField | undefined): readonly (AddedToken | string)[] | undefined {
  if (field === undefined) return undefined;
  return field.isGiven ? field.items.map(tokenOf).filter((token) => token !== undefined) : [];
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

function readOldAdded(added: JsonField | undefined, settings: Fields, decoder: Map<number, AddedToken>): void {
  if (!added) return;
  const special = new Set<string>();
  const extra = settings.get('extra_special_tokens');
  for (const field of [...NAMED_TOKENS.map((name) => settings.get(name)), ...(extra?.isGiven ? extra.items : [])]) {
    // Tokens with flags are not read at this point when they stand in tokenizer_config.json, which marks them.
    const isMarked = typeof field?.value === 'object' && field.isGiven && '__type' in field.object;
    const token = field === undefined || isMarked ? undefined : tokenOf(field);
    if (token !== undefined) special.add(contentOf(token));
  }
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
