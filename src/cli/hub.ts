import {
  fetchPlan,
  type HubPlan,
  type HubSettings,
  hubSettings,
  idText,
  type LookUp,
  mebibytes,
  type Named,
  nameDatasets,
  nameModel,
  Speed,
  type Wanted,
} from '../core/hub/index.js';
import type { TrainingOptions } from '../core/options/index.js';
import type { Progress } from '../core/work/progress.js';
import { cancellable, Interrupted } from './interrupt.js';
import { clock, grouped, type StatusLine } from './terminal.js';

/** What of a command's input may name something on the hub. */
interface Names {
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
export async function fromHub<Input extends Names>(input: Input, status: StatusLine, wanted: Wanted = 'model'): Promise<Input> {
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
    const [folder = name] = await this.#here((lookUp) => nameModel(name, wanted, lookUp));
    return folder;
  }

  async datasets(names: readonly string[] | undefined): Promise<readonly string[] | undefined> {
    if (names === undefined) return undefined;
    const files: string[] = [];
    // One by one: what is wrong with the second is not said before the first is here.
    for (const name of names) files.push(...(await this.#here((lookUp) => nameDatasets([name], lookUp))));
    return files;
  }

  /** What names come to, once what of it is missing is fetched. */
  async #here(look: (lookUp: LookUp) => Promise<Named>): Promise<readonly string[]> {
    const settings = (): Promise<HubSettings> => (this.#settings ??= hubSettings());
    return cancellable(async (signal) => {
      const { paths, missing } = await look({ settings, signal });
      for (const plan of missing) await this.#fetch(await settings(), plan, signal);
      return paths;
    }).finally(() => this.status.clear());
  }

  async #fetch(settings: HubSettings, plan: HubPlan, signal: AbortSignal): Promise<void> {
    const { missing, bytes, renamed, snapshot } = plan;
    const { id, commit } = snapshot;
    const now = renamed === undefined ? '' : ` (now ${renamed})`;
    const count = `${grouped(missing.length)} file${missing.length === 1 ? '' : 's'}`;
    this.status.note(
      `${idText(id)}${now}: downloading ${count}, ${mebibytes(bytes)}, from ${new URL(settings.endpoint).host} into ${settings.cache}`,
    );
    const speed = new Speed();
    const onProgress = (progress: Progress): void => this.status.show(`${id.name}: ${progressText(progress, speed)}`);
    try {
      await fetchPlan(settings, plan, { signal, onProgress });
    } catch (error) {
      this.status.clear();
      if (error instanceof Interrupted) this.status.note('What was downloaded is kept. The next attempt continues from there.');
      throw error;
    }
    this.status.clear();
    this.status.note(`${id.name}: commit ${commit}`);
  }
}

/** "412 MiB of 953 MiB, 38 MiB/s, 0:14 left" */
function progressText({ phase, done, total, secondsLeft }: Progress, speed: Speed): string {
  const bytesPerSecond = speed.at(done);
  if (phase === 'verify') return 'checking';
  const pace = bytesPerSecond === undefined ? '' : `, ${mebibytes(bytesPerSecond)}/s`;
  const left = secondsLeft === undefined ? '' : `, ${clock(secondsLeft)} left`;
  return `${mebibytes(done)} of ${mebibytes(total)}${pace}${left}`;
}
