import { homedir } from 'node:os';

import type * as vscode from 'vscode';

import { Forecaster, type ForecastMeans, type ForecastState } from '../../core/forecast/index.js';
import type { ModelInfo } from '../../core/model/index.js';
import { firstFolder } from '../workspace.js';
import { lookAt, type Looked, type PathField } from './look-at.js';
import { type LaunchOptions, pathLines, readDraft, resolvePath, type Values } from './read-draft.js';

/** What makes the draft of one panel another than that of another. */
export interface DraftOptions {
  readonly values: Values;
  /** Fields that name files and folders: `dataset` and `model` at least. */
  readonly paths: readonly PathField[];
  readonly means: ForecastMeans;
  /** What is wrong beside what would be wrong with any run, by field. */
  readonly rules?: () => Readonly<Record<string, string>>;
  /** Texts were given to fields, and nothing was looked at yet. */
  readonly onSet?: () => void;
  /** What a field names was looked at; {@link onChange} follows. */
  readonly onLooked?: (field: PathField) => void;
  /** Values, or what is known of what they name, are other than before. */
  readonly onChange: () => void;
  readonly onForecast: () => void;
  readonly onError: (error: unknown) => void;
}

/** What a draft comes to: files and folders are absolute. */
export interface Chosen {
  readonly dataset: readonly string[];
  readonly evalDataset: readonly string[] | undefined;
  readonly model: string;
}

/** A run that somebody decides on: the texts of its fields, what they name, what is wrong with them, what they come to. */
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

  /** Undefined while an option is wrong. */
  get options(): LaunchOptions | undefined {
    return readDraft(this.#values).options;
  }

  /** The model, once it was looked at. */
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

  /** Gives fields texts, as far as there are such fields, and looks at what they name. */
  async set(values: Values): Promise<void> {
    const known = Object.fromEntries(Object.entries(values).filter(([field]) => field in this.#values));
    this.take({ ...this.#values, ...known });
    this.#its.onSet?.();
    this.changed();
    for (const field of this.#its.paths) if (field in known) await this.#look(field);
  }

  /** Takes over texts that name no other files than before. {@link changed} is to be called afterwards. */
  take(values: Values): void {
    this.#values = values;
  }

  /** Says that something has changed, and forecasts anew. */
  changed(): void {
    if (this.#disposed) return;
    this.#its.onChange();
    const { options } = this;
    // Only what has been looked at and found good is planned.
    const looked = this.#its.paths.every((field) => this.#looked[field]?.path === this.path(field));
    if (options === undefined || !looked || Object.keys(this.problems).length > 0) return this.#forecaster.update(undefined);
    this.#forecaster.update({ ...this.chosen, ...options });
  }

  /** Looks at all that is named, once more what may have changed. */
  async look(): Promise<void> {
    for (const field of this.#its.paths) await this.#look(field);
    this.changed();
  }

  /** A file was saved: whatever was known of it may be wrong. */
  async saved(file: string): Promise<void> {
    if (!this.#its.paths.some((field) => this.#looked[field]?.files?.includes(file))) return;
    this.#forecaster.forget();
    this.#looked = {};
    await this.look();
  }

  /** What a field names; empty when it names nothing. */
  paths(field: PathField): string[] {
    return pathLines(this.#values[field] ?? '').map((line) => resolvePath(line, firstFolder(), homedir()));
  }

  /** What a field names, of a dataset one a line. */
  path(field: PathField): string {
    return this.paths(field).join('\n');
  }

  /** What is wrong, by field. A path that was not looked at yet is not wrong yet. */
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

  /** What is known of what fields name, such as a model's size. */
  get notes(): Record<string, string> {
    return Object.fromEntries(
      this.#its.paths.flatMap((field) => {
        const note = this.#known(field)?.note;
        return note === undefined ? [] : [[field, note]];
      }),
    );
  }

  /** What was found when a field was looked at, unless it names something else by now. */
  #known(field: PathField): Looked | undefined {
    const looked = this.#looked[field];
    return looked?.path === this.path(field) ? looked : undefined;
  }

  async #look(field: PathField): Promise<void> {
    const file = this.path(field);
    if (this.#looked[field]?.path === file) return;
    const looked = await lookAt(field, file);
    // Typed on meanwhile.
    if (this.#disposed || this.path(field) !== file) return;
    this.#looked = { ...this.#looked, [field]: looked };
    this.#its.onLooked?.(field);
    this.changed();
  }
}
