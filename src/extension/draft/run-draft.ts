import { homedir } from 'node:os';

import type * as vscode from 'vscode';

import { Forecaster, type ForecastMeans, type ForecastState } from '../../core/forecast/index.js';
import type { ModelInfo } from '../../core/model/index.js';
import { firstFolder } from '../workspace.js';
import { lookAt, type Looked, type PathField, pathKind } from './look-at.js';
import { type LaunchOptions, pathLines, readDraft, resolvePath, type Values } from './read-draft.js';

/** What a panel decides about its draft. */
export interface DraftOptions {
  readonly values: Values;
  /** Fields that name files and folders; at least `dataset` and `model`. */
  readonly paths: readonly PathField[];
  readonly means: ForecastMeans;
  /** Problems beyond those that any run could have, by field. */
  readonly rules?: () => Readonly<Record<string, string>>;
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
    this.#forecaster.dispose().catch((error: unknown) => this.#its.onError(error));
  }

  get values(): Values {
    return this.#values;
  }

  get forecast(): ForecastState {
    return this.#forecast;
  }

  /** Undefined while an option is invalid. */
  get options(): LaunchOptions | undefined {
    return readDraft(this.#values).options;
  }

  /** The model, once it has been looked at. */
  get model(): ModelInfo | undefined {
    return this.#looked.model?.model;
  }

  get chosen(): Chosen {
    const evalDataset = this.#its.paths.includes('evalDataset') ? this.paths('evalDataset') : [];
    return {
      dataset: this.paths('dataset'),
      evalDataset: evalDataset.length === 0 ? undefined : evalDataset,
      model: this.path('model'),
    };
  }

  /** Sets fields (unknown ones are ignored) and looks at the files they name. */
  async set(values: Values): Promise<void> {
    const known = Object.fromEntries(Object.entries(values).filter(([field]) => field in this.#values));
    this.take({ ...this.#values, ...known });
    this.#its.onSet?.();
    this.changed();
    for (const field of this.#its.paths) if (field in known) await this.#look(field);
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
    // Only plan what has been looked at and found to be fine.
    const looked = this.#its.paths.every((field) => this.#looked[field]?.path === this.path(field));
    if (options === undefined || !looked || Object.keys(this.problems).length > 0) return this.#forecaster.update(undefined);
    this.#forecaster.update({ ...this.chosen, ...options });
  }

  /** Looks at all files and folders that were not looked at yet. */
  async look(): Promise<void> {
    for (const field of this.#its.paths) await this.#look(field);
    this.changed();
  }

  /** A file was saved, so what is known about it may be out of date. */
  async saved(file: string): Promise<void> {
    if (!this.#its.paths.some((field) => this.#looked[field]?.files?.includes(file))) return;
    this.#forecaster.forget();
    this.#looked = {};
    await this.look();
  }

  /** The paths that a field names. */
  paths(field: PathField): string[] {
    return pathLines(this.#values[field] ?? '').map((line) => resolvePath(line, firstFolder(), homedir()));
  }

  /** The same as one text, a path on each line. */
  path(field: PathField): string {
    return this.paths(field).join('\n');
  }

  /** Problems by field. A path that has not been looked at has none yet. */
  get problems(): Record<string, string> {
    const problems: Record<string, string> = { ...readDraft(this.#values).problems };
    for (const field of ['dataset', 'model'] as const) {
      if (this.path(field) === '') problems[field] = `Choose a ${field === 'model' ? 'model folder' : 'preference file'}`;
    }
    for (const field of this.#its.paths) {
      const problem = this.#known(field)?.problem;
      if (problem !== undefined) problems[field] = problem;
    }
    return { ...problems, ...this.#its.rules?.() };
  }

  /** What is known about the files that fields name, such as a model's size. */
  get notes(): Record<string, string> {
    return Object.fromEntries(
      this.#its.paths.flatMap((field) => {
        const note = this.#known(field)?.note;
        return note === undefined ? [] : [[field, note]];
      }),
    );
  }

  /** What was found when the field was looked at, unless it names something else by now. */
  #known(field: PathField): Looked | undefined {
    const looked = this.#looked[field];
    return looked?.path === this.path(field) ? looked : undefined;
  }

  async #look(field: PathField): Promise<void> {
    const file = this.path(field);
    if (this.#looked[field]?.path === file) return;
    const looked = await lookAt(field, file);
    // The user has typed on in the meantime.
    if (this.#disposed || this.path(field) !== file) return;
    this.#looked = { ...this.#looked, [field]: looked };
    void this.#describe(field, looked).catch((error: unknown) => this.#its.onError(error));
    this.#its.onLooked?.(field);
    this.changed();
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
