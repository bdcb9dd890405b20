import { WishboneError } from '../errors.js';
import type { HubId } from './hub-id.js';
import { pageOf } from './refusals.js';
import type { HubSettings } from './settings.js';

/** What of a repository of models is wanted: all that training reads, the same without the tokenizer, without the weights, or an adapter. */
export type Wanted = 'model' | 'weights' | 'tokenizer' | 'adapter';

/** Tokenizers, templates and what an export takes along (native-runner/src/pretrained/companion_files.cpp). */
const TEXT_FILES = new Set([
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.json',
  'vocab.txt',
  'merges.txt',
  'chat_template.jinja',
  'chat_template.json',
]);
/** SentencePiece's own file: nothing reads it but an export to GGUF. */
const PIECES = /^tokenizer\.model[\w.]*$/;
const TEMPLATES = /^additional_chat_templates\/[^/]+\.jinja$/;
const LICENCE = /^(licen[sc]e|notice|copying|use_policy)[\w.-]*$/i;
const SINGLE = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';
const SHARD = /^[^/]+-\d+-of-\d+\.safetensors$/;

/**
 * The files that a run reads of a repository's, small ones first: whatever ends a download, weights are there only when all
 * that goes with them is.
 *
 * @param names all its files
 * @throws WishboneError when there is no such model or adapter in it, saying what there is
 */
export function neededFiles(names: readonly string[], wanted: Wanted, settings: Pick<HubSettings, 'endpoint'>, id: HubId): string[] {
  const has = (name: string): boolean => names.includes(name);
  const page = pageOf(settings, id);
  const refuse = (what: string, advice: string): never => {
    throw new WishboneError(`the repository ${id.name} ${what}`, page, advice);
  };
  if (wanted === 'adapter') {
    const files = ['adapter_config.json', 'adapter_model.safetensors'];
    if (!files.every(has))
      refuse('holds no LoRA adapter in safetensors format', 'name one with adapter_config.json and adapter_model.safetensors');
    return files;
  }
  if (!has('config.json')) {
    if (has('adapter_config.json')) refuse('holds an adapter, not a model', 'name its base model, and this as --adapter-name-or-path');
    if (names.some((name) => name.endsWith('.gguf')))
      refuse('holds GGUF files alone', 'name the model that they were made from (the page says which)');
    refuse('holds no model of transformers: it has no config.json', 'name another');
  }
  const texts =
    wanted === 'weights'
      ? []
      : names.filter((name) => TEXT_FILES.has(name) || PIECES.test(name) || TEMPLATES.test(name) || LICENCE.test(name));
  const small = ['config.json', ...(has('generation_config.json') ? ['generation_config.json'] : []), ...texts];
  if (wanted === 'tokenizer') return small;
  // As in transformers, the single file goes first.
  if (has(SINGLE)) return [...small, SINGLE];
  if (has(INDEX)) return [...small, INDEX, ...names.filter((name) => SHARD.test(name))];
  const other = names.find((name) => /\.(bin|pt|pth|h5|msgpack|gguf)$/.test(name));
  return refuse(
    `has no weights in safetensors format${other === undefined ? '' : ` (only such as ${other})`}`,
    'look for a revision that has (refs/pr/…), or convert it: https://huggingface.co/spaces/safetensors/convert',
  );
}

/**
 * Whether what is in the cache is all that is needed, as far as the files themselves say: for commits of which no list was
 * kept. A tokenizer whose template may be in a file that was never asked for is not.
 */
export function looksWhole(names: readonly string[], shards: readonly string[] | undefined, wanted: Wanted, hasTemplate: boolean): boolean {
  const has = (name: string): boolean => names.includes(name);
  if (wanted === 'adapter') return has('adapter_config.json') && has('adapter_model.safetensors');
  const weights = wanted === 'tokenizer' || has(SINGLE) || (shards?.every(has) ?? false);
  return has('config.json') && weights && (wanted === 'weights' || (has('tokenizer.json') && has('tokenizer_config.json') && hasTemplate));
}

export { INDEX as WEIGHT_INDEX };
