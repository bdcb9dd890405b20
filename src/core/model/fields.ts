import { stat } from 'node:fs/promises';
import path from 'node:path';
import { WishboneError } from '../errors.js';
import { mostBytes, readPlainText } from '../files/plain-file.js';
import { noModel } from './no-model.js';

const MOST_PER_FIELD = 2 ** 31 - 1;

/**
 * Typed access to an object of a `config.json`. Absent and null are the same but where said; every getter throws a
 * WishboneError naming file and field, in the words of the runner (native-runner/src/io/json.cpp).
 */
export class Fields {
  readonly #json: Readonly<Record<string, unknown>>;
  readonly #file: string;
  readonly #path: string;
  readonly #text: string;

  /**
   * @param path the object's place in the file, or empty for the top
   * @param text the file's
   */
  constructor(json: Readonly<Record<string, unknown>>, file: string, path: string, text: string) {
    this.#json = json;
    this.#file = file;
    this.#path = path;
    this.#text = text;
  }

  /** The field's value; undefined when it is absent or null. */
  any(name: string): unknown {
    return this.#json[name] ?? undefined;
  }

  has(name: string): boolean {
    return this.any(name) !== undefined;
  }

  /** Whether the field is there at all, if only as null. */
  present(name: string): boolean {
    return Object.hasOwn(this.#json, name);
  }

  names(): readonly string[] {
    return Object.keys(this.#json);
  }

  /** What to throw for a field. */
  bad(name: string, what: string, advice: string): WishboneError {
    return new WishboneError(what, `${this.#file}, field "${this.#path === '' ? name : `${this.#path}.${name}`}"`, advice);
  }

  /** Refuses null in fields that transformers takes no null for. */
  notNull(...names: readonly string[]): void {
    for (const name of names)
      if (this.present(name) && !this.has(name))
        throw this.bad(name, `the field "${name}" must not be null`, 'give it a value, or leave it out');
  }

  object(name: string): Fields | undefined {
    const value = this.any(name);
    if (value === undefined) return undefined;
    const path = this.#path === '' ? name : `${this.#path}.${name}`;
    if (typeof value !== 'object' || Array.isArray(value))
      throw this.bad(name, `expected a JSON object, found ${found(value)}`, 'write it as { … }, see docs/formats.md');
    return new Fields(value as Record<string, unknown>, this.#file, path, this.#text);
  }

  integer(name: string, least: number, most: number, otherwise?: number): number {
    const value = this.#valueOf(name, otherwise);
    if (!Number.isSafeInteger(value) || (value as number) < least || (value as number) > most || this.#hasPoint(name))
      throw this.bad(name, `expected a whole number from ${least} to ${most}, found ${found(value)}`, 'set it within that range');
    return value as number;
  }

  /** A whole number from 1. */
  size(name: string, otherwise?: number): number {
    return this.integer(name, 1, MOST_PER_FIELD, otherwise);
  }

  number(name: string, least: number, most: number, otherwise?: number): number {
    const value = this.#valueOf(name, otherwise);
    if (typeof value !== 'number' || !(value >= least && value <= most))
      throw this.bad(name, `expected a number from ${short(least)} to ${short(most)}, found ${found(value)}`, 'set it within that range');
    return value;
  }

  flag(name: string, otherwise?: boolean): boolean {
    const value = this.#valueOf(name, otherwise);
    if (typeof value !== 'boolean') throw this.bad(name, `expected true or false, found ${found(value)}`, 'correct the value');
    return value;
  }

  word(name: string, otherwise?: string): string {
    const value = this.#valueOf(name, otherwise);
    if (typeof value !== 'string') throw this.bad(name, `expected a string, found ${found(value)}`, 'put it in quotation marks');
    return value;
  }

  #valueOf(name: string, otherwise: unknown): unknown {
    const value = this.any(name) ?? otherwise;
    if (value === undefined) throw this.bad(name, `the field "${name}" is missing`, 'add it');
    return value;
  }

  /** Whether a whole number is written with a point, which makes it none for transformers. */
  #hasPoint(name: string): boolean {
    return this.has(name) && new RegExp(`"${name}"\\s*:\\s*\\d+[.eE]`).test(this.#text);
  }
}

function found(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** As C++ writes numbers by default. */
function short(value: number): string {
  const exponent = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)));
  if (exponent >= -4 && exponent < 6) return String(value);
  const sign = exponent < 0 ? '-' : '+';
  return `${value / 10 ** exponent}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`;
}

/** Reads a model folder's `config.json`. */
export async function readFields(folder: string): Promise<{ readonly file: string; readonly fields: Fields }> {
  const file = path.join(folder, 'config.json');
  const info = await stat(folder).catch(() => undefined);
  if (!info) throw new WishboneError('no such model folder', folder, 'check the path');
  if (!info.isDirectory()) throw new WishboneError('the model is a file, not a folder', folder, 'give the folder that holds config.json');
  let text;
  try {
    text = await readPlainText(file, mostBytes.json);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw await noModel(folder);
    throw new WishboneError(`cannot read the file (${(error as Error).message})`, file, 'check its permissions');
  }
  return { file, fields: parseFields(text, file) };
}

/** The text of a `config.json`. @param file where it is, for errors */
export function parseFields(text: string, file: string): Fields {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new WishboneError('config.json is not JSON', file, 'copy it again from where the model came from');
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new WishboneError('config.json is not a JSON object', file, 'copy it again from where the model came from');
  }
  return new Fields(json as Record<string, unknown>, file, '', text);
}
