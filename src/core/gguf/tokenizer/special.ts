import type { TokenizerDescription } from '../../tokenizer/index.js';

type Json = Readonly<Record<string, unknown>>;
type Kind = (typeof KINDS)[number];

const KINDS = ['bos', 'eos', 'unk', 'sep', 'pad', 'cls', 'mask'] as const;
/** What gguf calls them. */
const KEYS: Readonly<Record<Kind, string>> = {
  bos: 'bos_token_id',
  eos: 'eos_token_id',
  unk: 'unknown_token_id',
  sep: 'seperator_token_id',
  pad: 'padding_token_id',
  cls: 'cls_token_id',
  mask: 'mask_token_id',
};

/** Special tokens and whether they are put around a text, as gguf-py's `SpecialVocab` finds them. */
export interface SpecialTokens {
  /** By the keys of GGUF, without `tokenizer.ggml.`. */
  readonly ids: ReadonlyMap<string, number>;
  /** Of `bos`, `eos` and `sep`; what is not there, nothing says. */
  readonly added: ReadonlyMap<string, boolean>;
}

/**
 * @param model `config.json`
 * @param size of the vocabulary, or undefined where ids beyond it are written too
 */
export function specialTokensOf({ file, config }: TokenizerDescription, model: Json, size: number | undefined): SpecialTokens {
  const names = new Map<Kind, string>();
  for (const kind of KINDS) {
    const entry = config[`${kind}_token`];
    const text = typeof entry === 'string' ? entry : (entry as Json | null | undefined)?.['content'];
    if (typeof text === 'string' && text !== '') names.set(kind, text);
  }
  if (!names.has('bos') && names.has('cls')) names.set('bos', names.get('cls')!);
  if (!names.has('eos') && names.has('sep')) names.set('eos', names.get('sep')!);
  const added = addedBy(file['post_processor'], names);
  for (const kind of KINDS) {
    const says = config[`add_${kind}_token`];
    if (typeof says === 'boolean' && !added.has(kind)) added.set(kind, says);
  }
  const ids = new Map<string, number>();
  const tokens = Array.isArray(file['added_tokens']) ? (file['added_tokens'] as Json[]) : [];
  const set = (kind: Kind, id: unknown): void => {
    const isId = typeof id === 'number' && Number.isInteger(id) && id >= 0 && (size === undefined || id < size);
    if (isId && !ids.has(KEYS[kind])) ids.set(KEYS[kind], id);
  };
  for (const kind of KINDS) if (names.has(kind)) set(kind, tokens.find(({ content }) => content === names.get(kind))?.['id']);
  for (const kind of KINDS) set(kind, model[`${kind}_token_id`]);
  return { ids, added: new Map([...added].filter(([kind]) => ['bos', 'eos', 'sep'].includes(kind))) };
}

/** What a post-processor says of tokens around a text; names that only it knows are taken from it. */
function addedBy(value: unknown, names: Map<Kind, string>): Map<string, boolean> {
  const added = new Map<string, boolean>();
  if (typeof value !== 'object' || value === null) return added;
  const processor = value as Json;
  const all = Array.isArray(processor['processors']) ? (processor['processors'] as Json[]) : [processor];
  for (const one of all) {
    if (one['type'] === 'ByteLevel') {
      if (!added.has('bos')) added.set('bos', false);
      if (!added.has('eos')) added.set('eos', false);
    } else if (one['type'] === 'TemplateProcessing') {
      addedByTemplate(one, names, added);
    }
  }
  return added;
}

function addedByTemplate(processor: Json, names: Map<Kind, string>, added: Map<string, boolean>): void {
  const single = piecesOf(processor['single']);
  const pair = piecesOf(processor['pair']);
  let [first, last]: (string | undefined)[] = [];
  if (single.length > 1) {
    first = single[0]!.special;
    last = single.at(-1)!.special;
    if (first !== undefined) {
      if (first !== names.get('bos') && first !== names.get('cls')) {
        if (!names.has('bos')) names.set('bos', first);
        if (!names.has('cls')) names.set('cls', first);
      }
      added.set('bos', first === names.get('bos') || first === names.get('cls'));
    }
    if (last !== undefined) {
      names.set('eos', last);
      added.set('eos', true);
    }
  }
  if (pair.length === 0) return;
  const begin = first !== undefined && pair[0]?.special === first ? 1 : 0;
  const end = last !== undefined && pair.at(-1)?.special === last ? -1 : undefined;
  const between = pair.slice(begin, end);
  if (between[0]?.text !== 'A' || between.at(-1)?.text !== 'B' || between.length < 3) return;
  const middle = between.slice(1, -1).map(({ special }) => special);
  const separates = (token: string | undefined): boolean =>
    token !== undefined && (token === names.get('sep') || token === names.get('eos'));
  const adds = (separates(middle[0]) && last === undefined) || (middle.length === 2 && separates(middle[1]));
  added.set('sep', adds);
  if (adds && !names.has('sep') && names.has('eos')) names.set('sep', names.get('eos')!);
}

function piecesOf(value: unknown): { readonly special: string | undefined; readonly text: string | undefined }[] {
  const id = (piece: unknown): string | undefined => {
    const found = (piece as Json | undefined)?.['id'];
    return typeof found === 'string' ? found : undefined;
  };
  return Array.isArray(value)
    ? (value as Json[]).map((piece) => ({ special: id(piece['SpecialToken']), text: id(piece['Sequence']) }))
    : [];
}
