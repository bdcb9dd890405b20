import { existsSync } from 'node:fs';
import path from 'node:path';
import type { ConfigSettings } from '../config-file/index.js';
import { DEFAULT_PLAN, DEFAULT_RUNNER, DEFAULT_TRAINING, optionKind, optionProblem, type OptionPath } from '../options/index.js';
import type { YamlSetting } from './yaml-settings.js';

/** What became of a setting that is not simply in the new file. */
export interface ConversionNote {
  /** In the YAML file, from 1; undefined for what it does not say. */
  readonly line: number | undefined;
  readonly name: string;
  readonly value: unknown;
  /**
   * `assumed`: what the file does not say and was taken for said. `lost`: the run will differ from what the file asked for.
   * `changed`: carried over, with a difference. `needless`: nothing here depends on it.
   */
  readonly kind: 'assumed' | 'lost' | 'changed' | 'needless';
  readonly text: string;
}

/** Where something goes in the new file. */
export type Target = OptionPath | 'name' | 'model' | 'dataset' | 'eval_dataset' | 'report_to';

/** Thrown for a value that decides what is trained and cannot be had here. */
export class Unconvertible extends Error {
  constructor(
    readonly setting: string,
    readonly what: string,
    readonly advice: string,
  ) {
    super(what);
  }
}

/** A conversion under way: settings are taken one by one, and what becomes of each is written down. */
export class Conversion {
  readonly notes: ConversionNote[] = [];
  readonly #settings = new Map<string, YamlSetting>();
  readonly #taken = new Set<string>();
  readonly #made = new Map<Target, unknown>();

  /**
   * @param folder absolute: the YAML file's
   * @param devices that the YAML's run would have used
   */
  constructor(
    settings: readonly YamlSetting[],
    readonly folder: string,
    readonly devices: number,
  ) {
    for (const setting of settings) this.#settings.set(setting.name, setting);
  }

  /** Whether the file has a setting that is not null. */
  has(name: string): boolean {
    return (this.#settings.get(name)?.value ?? null) !== null;
  }

  /** Whether the file has a setting that says null, which may mean something else than its absence. */
  isNull(name: string): boolean {
    return this.#settings.has(name) && !this.has(name);
  }

  /** A setting's value, which is then spoken for; undefined when it is absent or null. */
  take(name: string): unknown {
    this.#taken.add(name);
    return this.#settings.get(name)?.value ?? undefined;
  }

  /** A setting's value, which somebody else speaks for; undefined when it is absent or null. */
  peek(name: string): unknown {
    return this.#settings.get(name)?.value ?? undefined;
  }

  /** A number; YAML 1.1 reads `5e-6` as text and `1_024` as a number, and so may this. What is no number is lost. */
  takeNumber(name: string): number | undefined {
    const value = this.take(name);
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value.replace(/(?<=\d)_(?=\d)/g, '')) : value;
    if (number === undefined || typeof number === 'number') {
      if (number === undefined || Number.isFinite(number)) return number;
    }
    this.lost(name, 'it is not a number');
    return undefined;
  }

  /** A text that is not empty. What is none is lost. */
  takeText(name: string): string | undefined {
    const value = this.take(name);
    if (value === undefined || (typeof value === 'string' && value.trim() !== '')) return value as string | undefined;
    if (value !== '') this.lost(name, 'it is not text');
    return undefined;
  }

  /** True only for `true`; what is neither that nor `false`, by whatever word of YAML 1.1, is lost. */
  takeFlag(name: string): boolean {
    const given = this.take(name);
    const word = typeof given === 'string' ? given.toLowerCase() : '';
    const value = ['yes', 'on', 'true'].includes(word) ? true : ['no', 'off', 'false'].includes(word) ? false : given;
    if (value !== undefined && typeof value !== 'boolean') this.lost(name, 'it is neither true nor false');
    return value === true;
  }

  /** @param from the setting it comes from; a value the option cannot have is lost */
  set(target: Target, value: unknown, from: string): void {
    if (target.includes('.')) {
      const problem = optionProblem(target as OptionPath, value);
      if (problem !== undefined) return this.lost(from, `${target}: ${problem}; not set, so it is ${defaultOf(target)}`);
    }
    this.#made.set(target, value);
  }

  /** A setting that is an option here, under the same or another name. */
  carry(name: string, target: OptionPath): void {
    if (!this.has(name)) return void this.take(name);
    const kind = optionKind(target);
    const value = kind === 'number' ? this.takeNumber(name) : kind === 'flag' ? this.takeFlag(name) : this.take(name);
    if (value !== undefined) this.set(target, value, name);
  }

  get(target: Target): unknown {
    return this.#made.get(target);
  }

  remove(target: Target): void {
    this.#made.delete(target);
  }

  assumed(name: string, text: string): void {
    this.#note('assumed', name, text);
  }

  lost(name: string, text: string): void {
    this.#note('lost', name, text);
  }

  changed(name: string, text: string): void {
    this.#note('changed', name, text);
  }

  needless(name: string, text: string): void {
    this.#note('needless', name, text);
  }

  /** Settings that say null and were taken: for these null is no value. */
  nulls(): readonly YamlSetting[] {
    const noted = new Set(this.notes.map(({ name }) => name));
    return [...this.#settings.values()].filter(({ name }) => this.isNull(name) && this.#taken.has(name) && !noted.has(name));
  }

  /** Every setting that nobody has taken. */
  rest(): readonly YamlSetting[] {
    return [...this.#settings.values()].filter(({ name }) => !this.#taken.has(name));
  }

  /** Settings that are in the new file as they were. */
  get carried(): number {
    const noted = new Set(this.notes.map(({ name }) => name));
    return [...this.#taken].filter((name) => this.has(name) && !noted.has(name)).length;
  }

  /**
   * The file or folder that a path of the YAML file means. Such paths count from wherever the training was started, mostly
   * a folder above the file.
   */
  find(text: string): string | undefined {
    if (path.isAbsolute(text)) return existsSync(text) ? text : undefined;
    for (let folder = this.folder; ; folder = path.dirname(folder)) {
      const candidate = path.resolve(folder, text);
      if (existsSync(candidate)) return candidate;
      if (folder === path.dirname(folder)) return undefined;
    }
  }

  /** What has been made, as a run config says it. */
  result(): ConfigSettings {
    const sections: Record<string, Record<string, unknown>> = { plan: {}, training: {}, runner: {} };
    const top: Record<string, unknown> = {};
    for (const [target, value] of this.#made) {
      const [section, option] = target.split('.') as [string, string | undefined];
      if (option === undefined) top[section] = value;
      else (sections[section] as Record<string, unknown>)[option] = value;
    }
    return { ...top, ...sections };
  }

  /**
   * For a value without which nothing of the file's meaning would be left, as the loss.
   *
   * @throws Unconvertible
   */
  refuse(name: string, what: string, advice: string): never {
    throw new Unconvertible(name, what, advice);
  }

  lineOf(name: string): number | undefined {
    return this.#settings.get(name)?.line;
  }

  #note(kind: ConversionNote['kind'], name: string, text: string): void {
    this.#taken.add(name);
    const setting = this.#settings.get(name);
    this.notes.push({ line: setting?.line, name, value: setting?.value, kind, text });
  }
}

function defaultOf(target: Target): string {
  const [section, option] = target.split('.') as ['plan' | 'training' | 'runner', string];
  const defaults = { plan: DEFAULT_PLAN, training: DEFAULT_TRAINING, runner: DEFAULT_RUNNER }[section];
  return JSON.stringify((defaults as unknown as Record<string, unknown>)[option]);
}
