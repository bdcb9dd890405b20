import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { WishboneError } from '../errors.js';

/** The fields of a `config.json`. */
export type Fields = Readonly<Record<string, unknown>>;

/** Typed access to the fields; every getter throws a WishboneError naming file and field. */
export interface Reader {
  /** A whole number from 1. */
  size(name: string, fallback?: number): number;
  /** A whole number from 0. */
  whole(name: string, fallback: number): number;
  flag(name: string, fallback?: boolean): boolean;
  /** What to throw for a field. */
  bad(field: string, what: string, advice: string): WishboneError;
}

const mostPerField = 2 ** 31 - 1;

export function reader(json: Fields, file: string): Reader {
  const bad = (field: string, what: string, advice: string): WishboneError =>
    new WishboneError(what, `${file}, field "${field}"`, advice);
  const number = (name: string, least: number, fallback?: number): number => {
    const value = json[name] ?? fallback;
    if (value === undefined)
      throw bad(name, `field "${name}" is missing`, 'copy config.json again from where the model came from');
    if (!Number.isSafeInteger(value) || (value as number) < least || (value as number) > mostPerField) {
      const above = least === 1 ? 'above 0' : 'from 0 on';
      throw bad(
        name,
        `field "${name}" must be a whole number ${above}, not ${JSON.stringify(value)}`,
        'correct config.json',
      );
    }
    return value as number;
  };
  return {
    bad,
    size: (name, fallback) => number(name, 1, fallback),
    whole: (name, fallback) => number(name, 0, fallback),
    flag: (name, fallback = false) => {
      const value = json[name] ?? fallback;
      if (typeof value !== 'boolean')
        throw bad(name, `field "${name}" must be true or false, not ${JSON.stringify(value)}`, 'correct config.json');
      return value;
    },
  };
}

/** Reads a model folder's `config.json`. */
export async function readFields(folder: string): Promise<{ readonly file: string; readonly json: Fields }> {
  const file = path.join(folder, 'config.json');
  const info = await stat(folder).catch(() => undefined);
  if (!info) throw new WishboneError('no such model folder', folder, 'check the path');
  if (!info.isDirectory())
    throw new WishboneError('the model is a file, not a folder', folder, 'give the folder that holds config.json');
  let text;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new WishboneError('the model folder has no config.json', file, 'give a Hugging Face model folder');
    }
    throw new WishboneError(`cannot read the file (${(error as Error).message})`, file, 'check its permissions');
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new WishboneError('config.json is not JSON', file, 'copy it again from where the model came from');
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new WishboneError('config.json is not a JSON object', file, 'copy it again from where the model came from');
  }
  return { file, json: json as Fields };
}
