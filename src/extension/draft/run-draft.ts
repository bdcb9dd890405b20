import { setTimeout as sleep } from 'node:timers/promises';

import type * as vscode from 'vscode';

import { homeFolder } from '../../core/files/home-folder.js';
import { Forecaster, type ForecastMeans, type ForecastState } from '../../core/forecast/index.js';
import type { ModelInfo } from '../../core/model/index.js';
import { type HubPlan, mergePlans } from '../../core/hub/index.js';
import { windowHub } from '../hub/hub-settings.js';
import { firstFolder } from '../workspace.js';
import type { FollowedModel } from './following.js';
import { lookAt, type Looked, namesHub, type PathField, pathKind } from './look-at.js';
import { type LaunchOptions, pathLines, readDraft, resolvePath, type Values } from './read-draft.js';

/** Milliseconds of quiet before the hub is asked for what is being typed. */
const TYPING = 500;
const ASKING = 'Looking it up on the hub…';
const CHOOSE = {
  dataset: 'Choose a preference file, or give a dataset of the hub: org/name',
  model: 'Choose a model folder, or give a model of the hub: org/name',
} as const;
/** Options that name folders. */
const NAMED_OPTIONS = ['reference_model', 'adapter_name_or_path'] as const;

/** What a panel decides about its draft. */
export interface DraftOptions {
  readonly values: Values;
  /** Fields that name files and folders; at least `dataset` and `model`. */
  readonly paths: readonly PathField[];
  readonly means: ForecastMeans;
  /** Problems beyond those that any run could have, by field. */
  readonly rules?: () => Readonly<Record<string, string>>;
  /** Whether what is missing can be downloaded here; else it is a problem. */
  readonly downloads?: boolean;
  /** Says more about the files of a dataset, which may take a while; undefined if there is nothing to say. */
  readonly describe?: (files: readonly string[]) => Promise<string | undefined>;
  /** Fields have new values, and the files they name have not been looked at yet. */
  readonly onSet?: () => void;
  /** The file or folder that a field names has been looked at. {@link onChange} follows. */
  readonly onLooked?: (field: PathField) => void;
  /** The values, or what is known about the files they name, have changed. */
  readonly onChange: () => void;
  readonly onForecast: () => void;
  readonly onError: (error: unknown) => void;
}

/** The chosen files and folders, as absolute paths. */
export interface Chosen {
  readonly dataset: readonly string[];
  readonly evalDataset: readonly string[] | undefined;
  readonly model: string;
}

/** A run being configured: the values of its fields, the files they name, what is wrong with them, and the forecast. */
export class RunDraft implements vscode.Disposable {
  readonly #its: DraftOptions;
  readonly #forecaster: Forecaster;
  #values: Values;
  #looked: Partial<Record<PathField, Looked>> = {};
  /** Fields that the hub is being asked about, with the way to stop that. */
  readonly #asking = new Map<PathField, AbortController>();
  #missing: { readonly of: readonly HubPlan[]; readonly merged: readonly HubPlan[] } = { of: [], merged: [] };
  #forecast: ForecastState = { kind: 'none' };
  #disposed = false;

  constructor(its: DraftOptions) {
    this.#its = its;
    this.#values = its.values;
    this.#forecaster = new Forecaster(its.means, (state) => {
      if (this.#disposed) return;
      this.#forecast = state;
      its.onForecast();
    });
  }

  dispose(): void {
    this.#disposed = true;
    for (const asking of this.#asking.values()) asking.abort();
    this.#forecaster.dispose().catch((error: unknown) => this.#its.onError(error));
  }

  get values(): Values {
    return this.#values;
  }

  get forecast(): ForecastState {
    return this.#forecast;
  }

  /** With the folders that fields name. Undefined while an option is invalid. */
  get options(): LaunchOptions | undefined {
    return this.#withNamed((field) => this.path(field));
  }

  /** The same with ids as they were given. */
  get namedOptions(): LaunchOptions | undefined {
    return this.#withNamed((field) => this.name(field));
  }

  #withNamed(meaning: (field: PathField) => string): LaunchOptions | undefined {
    const { options } = readDraft(this.#values);
    if (options === undefined) return undefined;
    const named = NAMED_OPTIONS.filter((name) => this.#its.paths.includes(`training.${name}`));
    return {
      ...options,
      training: { ...options.training, ...Object.fromEntries(named.map((name) => [name, meaning(`training.${name}`)])) },
    };
  }

  /** The model, once it is here and has been looked at. */
  get model(): ModelInfo | undefined {
    return this.#looked.model?.model;
  }

  /** What is known of the model, here or not. */
  get followed(): FollowedModel | undefined {
    return this.#looked.model?.followed;
  }

  get chosen(): Chosen {
    const evalDataset = this.#its.paths.includes('evalDataset') ? this.paths('evalDataset') : [];
    return {
      dataset: this.paths('dataset'),
      evalDataset: evalDataset.length === 0 ? undefined : evalDataset,
      model: this.path('model'),
    };
  }

  /** What fields name on the hub and is not here yet. The same list until it is another. */
  get missing(): readonly HubPlan[] {
    const plans = this.#its.paths.flatMap((field) => {
      const known = this.#known(field);
      return known === undefined || known.problem !== undefined ? [] : known.missing;
    });
    const { of } = this.#missing;
    const isSame = plans.length === of.length && plans.every((plan, index) => plan === of[index]);
    if (!isSame) this.#missing = { of: plans, merged: mergePlans(plans) };
    return this.#missing.merged;
  }

  /** Fields that name something on the hub. */
  get fromHub(): PathField[] {
    return this.#its.paths.filter((field) => namesHub(field, this.names(field), this.#folder));
  }

  /** Pages where something can be done about problems, by field. */
  get pages(): Record<string, string> {
    return Object.fromEntries(
      this.#its.paths.flatMap((field) => {
        const { problem, page } = this.#known(field) ?? {};
        return problem === undefined || page === undefined ? [] : [[field, page]];
      }),
    );
  }

  /** Looks again at what fields name: something has been downloaded, or may be had by now. */
  async again(fields: readonly PathField[] = this.#its.paths): Promise<void> {
    for (const field of fields) delete this.#looked[field];
    await this.look();
  }

  /** Sets fields (unknown ones are ignored) and looks at the files they name. */
  async set(values: Values): Promise<void> {
    const known = Object.fromEntries(Object.entries(values).filter(([field]) => field in this.#values));
    this.take({ ...this.#values, ...known });
    this.#its.onSet?.();
    this.changed();
    await Promise.all(this.#its.paths.map((field) => (field in known ? this.#look(field) : undefined)));
  }

  /** Sets all values; they must name the same files as before. Call {@link changed} afterwards. */
  take(values: Values): void {
    this.#values = values;
  }

  /** Announces a change, and updates the forecast. */
  changed(): void {
    if (this.#disposed) return;
    this.#its.onChange();
    const { options } = this;
    // Only plan what has been looked at and found to be fine, and is here.
    const looked = this.#its.paths.every((field) => this.#known(field)?.missing.length === 0);
    if (options === undefined || !looked || Object.keys(this.problems).length > 0) return this.#forecaster.update(undefined);
    this.#forecaster.update({ ...this.chosen, ...options });
  }

  /** Looks at all files and folders that were not looked at yet. */
  async look(): Promise<void> {
    await Promise.all(this.#its.paths.map((field) => this.#look(field)));
    this.changed();
  }

  /** A file was saved, so what is known about it may be out of date. */
  async saved(file: string): Promise<void> {
    if (!this.#its.paths.some((field) => this.#looked[field]?.files?.includes(file))) return;
    this.#forecaster.forget();
    this.#looked = {};
    await this.look();
  }

  /** What a field names: absolute paths, and ids of the hub as they were given. */
  names(field: PathField): string[] {
    const folder = this.#folder;
    return pathLines(this.#values[field] ?? '').map((line) =>
      namesHub(field, [line.trim()], folder) ? line.trim() : resolvePath(line, firstFolder(), homeFolder()),
    );
  }

  /** The same as one text, a name on each line. */
  name(field: PathField): string {
    return this.names(field).join('\n');
  }

  /** Where what a field names is: ids are those of the cache once they have been looked up. */
  paths(field: PathField): readonly string[] {
    return this.#known(field)?.paths ?? this.names(field);
  }

  /** The same as one text, a path on each line. */
  path(field: PathField): string {
    return this.paths(field).join('\n');
  }

  get #folder(): string {
    return firstFolder() ?? homeFolder();
  }

  /** Problems by field. A path that has not been looked at has none yet. */
  get problems(): Record<string, string> {
    const problems: Record<string, string> = { ...readDraft(this.#values).problems };
    for (const field of ['dataset', 'model'] as const) {
      if (this.name(field) === '') problems[field] = CHOOSE[field];
    }
    for (const field of this.#its.paths) {
      const known = this.#known(field);
      const isMissing = this.#its.downloads !== true && (known?.missing.length ?? 0) > 0;
      const problem = known?.problem ?? (isMissing ? 'Not here yet: download it in the launch form' : undefined);
      if (problem !== undefined) problems[field] = problem;
    }
    return { ...problems, ...this.#its.rules?.() };
  }

  /** What is known about the files that fields name, such as a model's size. */
  get notes(): Record<string, string> {
    return Object.fromEntries(
      this.#its.paths.flatMap((field) => {
        const note = this.#asking.has(field) ? ASKING : this.#known(field)?.note;
        return note === undefined ? [] : [[field, note]];
      }),
    );
  }

  /** What was found when the field was looked at, unless it names something else by now. */
  #known(field: PathField): Looked | undefined {
    const looked = this.#looked[field];
    return looked?.name === this.name(field) ? looked : undefined;
  }

  async #look(field: PathField): Promise<void> {
    const names = this.names(field);
    const name = names.join('\n');
    if (this.#looked[field]?.name === name) return;
    this.#asking.get(field)?.abort();
    const looked = await this.#found(field, names);
    // The user has typed on in the meantime.
    if (looked === undefined || this.#disposed || this.name(field) !== name) return;
    this.#looked = { ...this.#looked, [field]: looked };
    void this.#describe(field, looked).catch((error: unknown) => this.#its.onError(error));
    this.#its.onLooked?.(field);
    this.changed();
  }

  /** What is here is said at once; before the hub is asked for the rest, nobody has typed for a moment. Undefined when it was given up. */
  async #found(field: PathField, names: readonly string[]): Promise<Looked | undefined> {
    const folder = this.#folder;
    if (!namesHub(field, names, folder)) return lookAt(field, names, { settings: windowHub, folder });
    const here = await lookAt(field, names, { settings: async () => ({ ...(await windowHub()), offline: true }), folder });
    if (here.problem === undefined || (await windowHub()).offline) return here;
    const asking = new AbortController();
    const { signal } = asking;
    this.#asking.get(field)?.abort();
    this.#asking.set(field, asking);
    try {
      await sleep(TYPING, undefined, { signal });
      this.#its.onChange();
      return await lookAt(field, names, { settings: windowHub, folder, signal });
    } catch (error) {
      if (signal.aborted) return undefined;
      throw error;
    } finally {
      if (this.#asking.get(field) === asking) this.#asking.delete(field);
    }
  }

  async #describe(field: PathField, looked: Looked): Promise<void> {
    const { files, problem, note } = looked;
    if (pathKind(field) !== 'dataset' || files === undefined || problem !== undefined) return;
    const more = await this.#its.describe?.(files);
    if (more === undefined || this.#disposed || this.#looked[field] !== looked) return;
    this.#looked = { ...this.#looked, [field]: { ...looked, note: note === undefined ? more : `${note} · ${more}` } };
    this.#its.onChange();
  }
}
