import { access } from 'node:fs/promises';
import path from 'node:path';
import { WishboneError } from '../errors.js';
import { mostBytes, readPlainText } from '../files/plain-file.js';
import { readRun, RUN_FILE } from '../run/folder.js';
import { trainedModel } from '../runner/index.js';

/** What a GGUF file is made from. */
export interface GgufSource {
  /** A Hugging Face folder of a model; for an adapter, of the model that it is for. */
  readonly model: string;
  readonly adapter?: string;
  /** What it is called. */
  readonly name: string;
  /** Where the file goes unless something else is said. */
  readonly folder: string;
}

const isThere = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

/**
 * Finds the model or adapter of a run folder (of its best evaluation, of a step, or what it exported at its end), an export folder, or
 * any model or adapter folder.
 *
 * @throws WishboneError when the folder is none of these, or the run has no model yet
 */
export async function ggufSource(
  folder: string,
  { step, signal }: { readonly step?: number | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<GgufSource> {
  const root = path.resolve(folder);
  if (!(await isThere(path.join(root, RUN_FILE)))) return ofFolder(root);
  const { config } = await readRun(root);
  const trained = await trainedModel(root, { step, signal });
  const base = path.resolve(root, config.model.path);
  const adapter = await isThere(path.join(trained, 'adapter_config.json'));
  const own = { name: config.name, folder: path.join(root, 'gguf') };
  return adapter ? { ...own, model: base, adapter: trained } : { ...own, model: trained };
}

async function ofFolder(root: string): Promise<GgufSource> {
  const own = { name: path.basename(root), folder: path.dirname(root) };
  const file = path.join(root, 'adapter_config.json');
  if (!(await isThere(file))) return { ...own, model: root };
  let base: unknown;
  try {
    base = (JSON.parse(await readPlainText(file, mostBytes.json)) as Record<string, unknown>)['base_model_name_or_path'];
  } catch (error) {
    if (error instanceof WishboneError) throw error;
    throw new WishboneError(`not valid JSON: ${(error as Error).message}`, file, 'save the adapter again with PEFT');
  }
  // What a run exports names its model as others know it; the run says where it is.
  const run = [path.dirname(root), path.dirname(path.dirname(root))];
  for (const folder of run)
    if (await isThere(path.join(folder, RUN_FILE)))
      return { ...own, model: path.resolve(folder, (await readRun(folder)).config.model.path), adapter: root };
  if (typeof base !== 'string' || !(await isThere(path.join(path.resolve(root, base), 'config.json'))))
    throw new WishboneError(
      `the model that the adapter is for is not there: ${JSON.stringify(base ?? null)}`,
      `${file}, field "base_model_name_or_path"`,
      'write the folder of the model there',
    );
  return { ...own, model: path.resolve(root, base), adapter: root };
}
