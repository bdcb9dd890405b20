import path from 'node:path';

import type { ConfigFile } from '../../core/config-file/index.js';
import { WishboneError } from '../../core/errors.js';
import { hubSettings, modelId, type Resolved, resolveDataset, resolveModel, type Wanted, weightedDatasetId } from '../../core/hub/index.js';

/**
 * A run config with files and folders of the Hugging Face cache in place of ids: a form works on what is there.
 *
 * @throws WishboneError for what is not wholly in the cache, with the command that downloads it
 */
export async function cachedNames(config: ConfigFile): Promise<ConfigFile> {
  const settings = { ...(await hubSettings()), offline: true };
  const found = async (
    name: string,
    field: string,
    resolve: () => Promise<Resolved>,
  ): Promise<{ folder: string; files: readonly string[] }> => {
    try {
      const resolved = await resolve();
      if (resolved.kind === 'cached') return { folder: resolved.snapshot.folder, files: resolved.files };
    } catch (error) {
      // What is there and cannot be used is said as it is.
      if (!(error instanceof WishboneError) || error.where !== settings.cache) throw error;
    }
    const advice = `download it in a terminal: wishbone plan ${config.file}`;
    throw new WishboneError(`${name} is not in the Hugging Face cache`, config.where(field), advice);
  };
  const model = async (name: string | undefined, field: string, wanted: Wanted): Promise<string | undefined> => {
    const id = name === undefined ? undefined : modelId(name);
    if (name === undefined || id === undefined) return name;
    return (await found(name, field, () => resolveModel(settings, id, wanted))).folder;
  };
  const datasets = async (names: readonly string[] | undefined, field: string): Promise<readonly string[] | undefined> => {
    if (names === undefined) return undefined;
    const files: string[] = [];
    for (const name of names) {
      const [id, weight] = weightedDatasetId(name);
      if (id === undefined) files.push(name);
      else {
        const { folder, files: of } = await found(name, field, () => resolveDataset(settings, id));
        files.push(...of.map((file) => path.join(folder, ...file.split('/')) + weight));
      }
    }
    return files;
  };
  const { training } = config;
  const reference = await model(training.reference_model, 'training.reference_model', 'weights');
  const adapter = await model(training.adapter_name_or_path, 'training.adapter_name_or_path', 'adapter');
  return {
    ...config,
    model: await model(config.model, 'model', 'model'),
    dataset: await datasets(config.dataset, 'dataset'),
    evalDataset: await datasets(config.evalDataset, 'eval_dataset'),
    training: {
      ...training,
      ...(reference === undefined ? {} : { reference_model: reference }),
      ...(adapter === undefined ? {} : { adapter_name_or_path: adapter }),
    },
  };
}
