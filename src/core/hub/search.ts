import type { HubSettings } from './settings.js';
import { ask } from './api.js';
import type { RepositoryKind } from './hub-id.js';

/** A repository that the hub has found, as far as its list says. */
export interface FoundRepository {
  /** `org/name` */
  readonly name: string;
  /** `model_type` of a model's config, such as `qwen3`. */
  readonly family: string | undefined;
  /** Weights in safetensors format; undefined where there are none or nobody says. */
  readonly parameters: number | undefined;
  /** In the last month. */
  readonly downloads: number | undefined;
  /** Its owner decides who may have it. */
  readonly gated: boolean;
}

const MOST = 20;
/** What is asked of each (huggingface_hub: `ExpandModelProperty_T`, `ExpandDatasetProperty_T`). */
const ASKED: Readonly<Record<RepositoryKind, readonly string[]>> = {
  model: ['downloads', 'gated', 'config', 'safetensors'],
  dataset: ['downloads', 'gated'],
};

/**
 * Searches the hub by name, the most downloaded first. Of models, those with weights in safetensors format.
 *
 * @throws WishboneError when it cannot be asked; the signal's reason
 */
export async function searchHub(
  settings: HubSettings,
  kind: RepositoryKind,
  text: string,
  signal?: AbortSignal,
): Promise<FoundRepository[]> {
  const url = new URL(`${settings.endpoint}/api/${kind}s`);
  url.searchParams.set('search', text);
  url.searchParams.set('sort', 'downloads');
  url.searchParams.set('limit', String(MOST));
  if (kind === 'model') url.searchParams.set('filter', 'safetensors');
  for (const property of ASKED[kind]) url.searchParams.append('expand[]', property);
  const { text: json } = await ask(settings, { kind, name: text, revision: '' }, url.href, signal);
  let list: unknown;
  try {
    list = JSON.parse(json);
  } catch {
    return [];
  }
  return Array.isArray(list) ? list.flatMap(found).slice(0, MOST) : [];
}

function found(entry: unknown): FoundRepository[] {
  if (typeof entry !== 'object' || entry === null) return [];
  const { id, downloads, gated, config, safetensors } = entry as Readonly<Record<string, unknown>>;
  // Shown in a list, and looked up when it is chosen.
  if (typeof id !== 'string' || !/^[\w.-]{1,96}\/[\w.-]{1,96}$/.test(id)) return [];
  const family = (config as { model_type?: unknown } | null | undefined)?.model_type;
  const total = (safetensors as { total?: unknown } | null | undefined)?.total;
  return [
    {
      name: id,
      family: typeof family === 'string' ? family.slice(0, 40) : undefined,
      parameters: typeof total === 'number' && total > 0 ? total : undefined,
      downloads: typeof downloads === 'number' ? downloads : undefined,
      gated: gated !== undefined && gated !== false,
    },
  ];
}
