import { readdir, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { homeFolder } from './home-folder.js';
import { ExitCode, WishboneError } from '../errors.js';
import { cannotWrite, PRIVATE_FOLDER } from './atomic-file.js';
import { makeFolders } from './make-folders.js';

/** What is kept, a folder each: tokens of dataset files, plans with their summaries. */
const CACHE_KINDS = ['tokens', 'plans'] as const;
/** What the runner keeps there beside them: reference log-probabilities. Counted, and cleared, with the rest. */
const COUNTED = [...CACHE_KINDS, 'reference'] as const;
export type CacheKind = (typeof CACHE_KINDS)[number];

/** Bytes kept unless a caller or `WISHBONE_CACHE_LIMIT` (in GB) says otherwise. */
const DEFAULT_CACHE_LIMIT = 5e9;

/** `$WISHBONE_CACHE`, else `$XDG_CACHE_HOME/wishbone`, else `~/.cache/wishbone`; the runner's cache lies there too. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env['WISHBONE_CACHE']) return path.resolve(env['WISHBONE_CACHE']);
  const home = env['XDG_CACHE_HOME'];
  return path.join(home && path.isAbsolute(home) ? home : path.join(homeFolder(), '.cache'), 'wishbone');
}

/**
 * Bytes that may be kept: the given limit, else that of the environment, else the default. 0 keeps nothing.
 *
 * @throws WishboneError when the environment's is no number
 */
export function cacheLimit(given?: number, env: NodeJS.ProcessEnv = process.env): number {
  if (given !== undefined) return given;
  const text = env['WISHBONE_CACHE_LIMIT']?.trim() ?? '';
  if (text === '') return DEFAULT_CACHE_LIMIT;
  const gigabytes = Number(text);
  if (gigabytes >= 0) return gigabytes * 1e9;
  const advice = 'give a number of GB, as in 5, or 0 to keep nothing';
  throw new WishboneError(`WISHBONE_CACHE_LIMIT is no size: "${text}"`, 'the environment', advice, ExitCode.usage);
}

/** What a cache holds. */
export interface CacheUse {
  readonly entries: number;
  readonly bytes: number;
}

/**
 * Results of long work by the content they were made of: `<folder>/<kind>/<key>.<extension>`. Those not used for
 * longest go when a limit is passed. It may be removed at any time, and nothing depends on it: a cache that cannot be
 * read or written is as good as none.
 */
export class DiskCache {
  readonly #limit: number;

  constructor(
    readonly folder: string = cacheFolder(),
    limit: number = cacheLimit(),
  ) {
    this.#limit = limit;
  }

  get enabled(): boolean {
    return this.#limit > 0;
  }

  file(kind: CacheKind, key: string, extension: string): string {
    return path.join(this.folder, kind, `${key}.${extension}`);
  }

  /** The file of an entry that is there, from now on the one used last. */
  async find(kind: CacheKind, key: string, extension: string): Promise<string | undefined> {
    if (!this.enabled) return undefined;
    const file = this.file(kind, key, extension);
    const now = new Date();
    return utimes(file, now, now).then(
      () => file,
      () => undefined,
    );
  }

  /**
   * Makes an entry, then forgets what is too much. A failure to write is the entry's alone.
   *
   * @param write writes the file it is given, atomically
   */
  async put(kind: CacheKind, key: string, extension: string, write: (file: string) => Promise<void>): Promise<void> {
    if (!this.enabled) return;
    const file = this.file(kind, key, extension);
    try {
      await makeFolders(path.dirname(file), PRIVATE_FOLDER);
      await write(file);
    } catch (error) {
      if (!(error instanceof WishboneError) && (error as NodeJS.ErrnoException).code === undefined) throw error;
      await this.drop(file);
    }
    await this.#trim();
  }

  /** Removes an entry that turned out to be of no use. */
  async drop(file: string): Promise<void> {
    await rm(file, { force: true }).catch(() => undefined);
  }

  async use(): Promise<CacheUse> {
    const entries = await this.#entries();
    return { entries: entries.length, bytes: entries.reduce((sum, { bytes }) => sum + bytes, 0) };
  }

  /**
   * Removes all entries.
   *
   * @returns what was removed
   * @throws WishboneError (exit code 5) when the folder cannot be changed
   */
  async clear(): Promise<CacheUse> {
    const use = await this.use();
    for (const kind of COUNTED) {
      const folder = path.join(this.folder, kind);
      await rm(folder, { recursive: true, force: true }).catch((error: unknown) => {
        // A file in the folder's place holds no entries.
        if ((error as NodeJS.ErrnoException).code !== 'ENOTDIR') throw cannotWrite(folder, error);
      });
    }
    return use;
  }

  async #trim(): Promise<void> {
    const entries = (await this.#entries()).sort((a, b) => b.used - a.used);
    let bytes = 0;
    for (const entry of entries) {
      if (entry.bytes <= this.#limit) bytes += entry.bytes;
      if (entry.bytes > this.#limit || bytes > this.#limit) await this.drop(entry.file);
    }
  }

  async #entries(): Promise<{ file: string; bytes: number; used: number }[]> {
    const found: { file: string; bytes: number; used: number }[] = [];
    for (const kind of COUNTED) {
      const folder = path.join(this.folder, kind);
      for (const name of await readdir(folder).catch((): string[] => [])) {
        const file = path.join(folder, name);
        const info = await stat(file).catch(() => undefined);
        // What a process that was killed was writing is nobody's.
        if (info !== undefined && isLeftover(name) && Date.now() - info.mtimeMs > ABANDONED) await this.drop(file);
        else if (info?.isFile()) found.push({ file, bytes: info.size, used: info.mtimeMs });
      }
    }
    return found;
  }
}

/** Milliseconds after which nobody writes a temporary file any more. */
const ABANDONED = 24 * 3600 * 1000;

/** Temporary names of the runner (`.wishbone-tmp-…`) and of this side (`.….tmp`). */
function isLeftover(name: string): boolean {
  return name.startsWith('.wishbone-tmp-') || /^\..*\.tmp$/.test(name);
}
