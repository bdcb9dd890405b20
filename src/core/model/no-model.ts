import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { WishboneError } from '../errors.js';

/** What else a folder may be, by a file or folder in it. */
const OTHERS: readonly (readonly [mark: string, what: string, advice: (folder: string) => string])[] = [
  [
    'adapter_config.json',
    'the folder holds an adapter, not a model',
    () => 'give the model it was trained on as the model, and this folder as adapter_name_or_path (with use_peft) to go on from it',
  ],
  ['run.json', 'the folder is a run, not a model', (folder) => `give the model that it exported: ${path.join(folder, 'export')}`],
  [
    'snapshots',
    'the folder is an entry of the cache of the Hugging Face hub, not a model',
    (folder) => `give ${idOf(folder) ?? 'the id, org/name'}, or the folder of a commit in ${path.join(folder, 'snapshots')}`,
  ],
  ['optimizer.safetensors', 'the folder is a checkpoint of a run, not a model', () => 'write its model with wishbone export RUN --step N'],
];

/** The id that an entry of the cache is of: `models--org--name`. */
function idOf(folder: string): string | undefined {
  const [, org, name] = /^models--(.+?)--(.+)$/.exec(path.basename(folder)) ?? [];
  return org === undefined ? undefined : `${org}/${name}`;
}

/** The error for a folder without `config.json`, with what it is instead where that can be seen. */
export async function noModel(folder: string): Promise<WishboneError> {
  const names = new Set(await readdir(folder).catch(() => []));
  const other = OTHERS.find(([mark]) => names.has(mark));
  if (other === undefined)
    return new WishboneError('the model folder has no config.json', path.join(folder, 'config.json'), 'give a Hugging Face model folder');
  return new WishboneError(other[1], folder, other[2](folder));
}
