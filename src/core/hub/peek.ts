import { ConnectionError } from '../download/index.js';
import { mostBytes, readPlainText } from '../files/plain-file.js';
import path from 'node:path';
import { type ModelConfig, parameterCount, parseModelConfig } from '../model/index.js';
import { type HubPlan, readRemote } from './fetch.js';
import { pageOf, unreachable } from './refusals.js';
import type { HubSettings } from './settings.js';

/** What a model's `config.json` alone says. */
export interface PeekedModel {
  readonly config: ModelConfig;
  /** Weights, a tied head counted once. */
  readonly parameters: number;
}

/**
 * Looks at the `config.json` of a model that is still to be fetched: gigabytes are better not downloaded of what cannot be trained.
 *
 * @throws WishboneError naming the field that says so, as for a folder; when the hub cannot be asked
 */
export async function peekModel(settings: HubSettings, { snapshot, missing }: HubPlan, signal?: AbortSignal): Promise<PeekedModel> {
  const name = 'config.json';
  const { id, commit, folder } = snapshot;
  const isMissing = missing.some((file) => file.path === name);
  let text;
  try {
    text = isMissing ? await readRemote(settings, id, commit, name, signal) : await readPlainText(path.join(folder, name), mostBytes.json);
  } catch (error) {
    throw error instanceof ConnectionError ? unreachable(settings, id, error) : error;
  }
  const config = parseModelConfig(text, `${pageOf(settings, id)}/blob/${commit}/${name}`);
  return { config, parameters: parameterCount(config) };
}
