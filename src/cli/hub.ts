import path from 'node:path';
import {
  datasetId,
  fetchPlan,
  type HubDatasetId,
  type HubId,
  type HubSettings,
  hubSettings,
  idText,
  mebibytes,
  modelId,
  type Resolved,
  resolveDataset,
  resolveModel,
  type Wanted,
} from '../core/hub/index.js';
import type { TrainingOptions } from '../core/options/index.js';
import type { Progress } from '../core/work/progress.js';
import { cancellable, Interrupted } from './interrupt.js';
import { clock, grouped, type StatusLine } from './terminal.js';

/** What of a command's input may name something on the hub. */
interface Named {
  readonly dataset: readonly string[] | undefined;
  readonly evalDataset: readonly string[] | undefined;
  readonly model: string | undefined;
  readonly training: TrainingOptions;
}

const HUB_OPTIONS: Readonly<Record<string, Wanted>> = {
  'training.reference_model': 'weights',
  'training.adapter_name_or_path': 'adapter',
};

/** Whether an option's value may be an id on the hub. */
export const isHubOption = (option: string): boolean => Object.hasOwn(HUB_OPTIONS, option);

/**
 * The same input with files and folders of the hub's cache in place of ids; what is not there is fetched.
 *
 * @param wanted of the model
 * @throws WishboneError when it cannot be had; Interrupted, and what has come stays
 */
export async function fromHub<Input extends Named>(input: Input, status: StatusLine, wanted: Wanted = 'model'): Promise<Input> {
  const { dataset, evalDataset, model, training } = input;
  const hub = new Hub(status);
  const option = async (name: 'reference_model' | 'adapter_name_or_path'): Promise<string> =>
    hub.model(training[name], HUB_OPTIONS[`training.${name}`]!);
  // What is small and may be wrong comes first.
  const [data, evaluation] = [await hub.datasets(dataset), await hub.datasets(evalDataset)];
  return {
    ...input,
    dataset: data,
    evalDataset: evaluation,
    model: model === undefined ? undefined : await hub.model(model, wanted),
    training: { ...training, reference_model: await option('reference_model'), adapter_name_or_path: await option('adapter_name_or_path') },
  };
}

/** The folder that a model's name means: itself, or that of the cache. */
export async function modelFromHub(model: string, status: StatusLine): Promise<string> {
  return new Hub(status).model(model, 'model');
}

/** The files that a dataset's names mean, where they are ids; others stay as they are. */
export async function datasetsFromHub(names: readonly string[], status: StatusLine): Promise<readonly string[]> {
  return (await new Hub(status).datasets(names)) ?? [];
}

class Hub {
  #settings: Promise<HubSettings> | undefined;

  constructor(readonly status: StatusLine) {}

  async model(name: string, wanted: Wanted): Promise<string> {
    const id = modelId(name);
    if (id === undefined) return name;
    return (await this.#fetched(id, (settings, signal) => resolveModel(settings, id, wanted, signal))).folder;
  }

  async datasets(names: readonly string[] | undefined): Promise<readonly string[] | undefined> {
    if (names === undefined) return undefined;
    const files: string[] = [];
    for (const name of names) {
      const [id, weight] = weighted(name);
      if (id === undefined) files.push(name);
      else {
        const { folder, files: found } = await this.#fetched(id, (settings, signal) => resolveDataset(settings, id, signal));
        files.push(...found.map((file) => path.join(folder, ...file.split('/')) + weight));
      }
    }
    return files;
  }

  async #fetched(
    id: HubId,
    resolve: (settings: HubSettings, signal: AbortSignal) => Promise<Resolved>,
  ): Promise<{ readonly folder: string; readonly files: readonly string[] }> {
    this.#settings ??= hubSettings();
    const settings = await this.#settings;
    return cancellable(async (signal) => {
      const resolved = await resolve(settings, signal);
      const { files } = resolved;
      if (resolved.kind === 'cached') return { folder: resolved.snapshot.folder, files };
      const { plan } = resolved;
      const { missing, bytes, renamed, snapshot } = plan;
      const now = renamed === undefined ? '' : ` (now ${renamed})`;
      const count = `${grouped(missing.length)} file${missing.length === 1 ? '' : 's'}`;
      this.status.note(
        `${idText(id)}${now}: downloading ${count}, ${mebibytes(bytes)}, from ${new URL(settings.endpoint).host} into ${settings.cache}`,
      );
      const speed = new Speed();
      const onProgress = (progress: Progress): void => this.status.show(`${id.name}: ${speed.text(progress)}`);
      try {
        await fetchPlan(settings, plan, { signal, onProgress });
      } catch (error) {
        this.status.clear();
        if (error instanceof Interrupted) this.status.note('What was downloaded is kept. The next attempt continues from there.');
        throw error;
      }
      this.status.clear();
      this.status.note(`${id.name}: commit ${snapshot.commit}`);
      return { folder: snapshot.folder, files };
    }).finally(() => this.status.clear());
  }
}

/** A name that may end with a weight. */
function weighted(name: string): [HubDatasetId | undefined, string] {
  const [, bare, weight] = /^(.+?)(:(?:\d+(?:\.\d+)?|\.\d+))$/.exec(name) ?? [];
  if (bare === undefined || weight === undefined) return [datasetId(name), ''];
  return [datasetId(bare), weight];
}

/** How fast bytes come, over the last seconds. */
class Speed {
  #from: { readonly at: number; readonly done: number } | undefined;
  #text = '';

  text({ phase, done, total, secondsLeft }: Progress): string {
    const at = performance.now();
    this.#from ??= { at, done };
    if (at - this.#from.at > 2000) {
      this.#text = `, ${mebibytes((1000 * (done - this.#from.done)) / (at - this.#from.at))}/s`;
      this.#from = { at, done };
    }
    if (phase === 'verify') return 'checking';
    const left = secondsLeft === undefined ? '' : `, ${clock(secondsLeft)} left`;
    return `${mebibytes(done)} of ${mebibytes(total)}${this.#text}${left}`;
  }
}
