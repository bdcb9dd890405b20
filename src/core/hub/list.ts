import { access, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { COMMIT } from './api.js';
import { cachedCommit, originOf } from './cache.js';
import { DEFAULT_REVISION, type RepositoryKind } from './hub-id.js';

/** A repository that is in the cache. */
export interface CachedRepository {
  /** `org/name` */
  readonly name: string;
  /** The branch or tag; `main` where there is one. */
  readonly revision: string;
  /** Absolute: its snapshot. */
  readonly folder: string;
}

/** The models in a cache, by name: what has a `config.json`, each once, at `main` or else at the first of its revisions. */
export function cachedModels(cache: string): Promise<CachedRepository[]> {
  return cachedRepositories(cache, 'model', 'config.json');
}

/** The adapters in a cache: what has an `adapter_config.json`. */
export function cachedAdapters(cache: string): Promise<CachedRepository[]> {
  return cachedRepositories(cache, 'model', 'adapter_config.json');
}

/** The datasets in a cache. */
export function cachedDatasets(cache: string): Promise<CachedRepository[]> {
  return cachedRepositories(cache, 'dataset', '.');
}

/** What a folder of a cache is called there: `org/name`, with its commit where `main` is another; undefined for any other folder. */
export async function cachedName(cache: string, folder: string): Promise<string | undefined> {
  const origin = originOf(folder);
  if (origin === undefined || !folder.startsWith(cache + path.sep)) return undefined;
  const main = await cachedCommit(cache, { ...origin, revision: DEFAULT_REVISION });
  return main === origin.commit ? origin.name : `${origin.name}@${origin.commit}`;
}

/** @param marker a file that tells them from others */
async function cachedRepositories(cache: string, kind: RepositoryKind, marker: string): Promise<CachedRepository[]> {
  const prefix = `${kind}s--`;
  const repositories = (await readdir(cache).catch(() => [])).filter((name) => name.startsWith(prefix)).sort();
  const found = await Promise.all(
    repositories.map(async (repository): Promise<CachedRepository[]> => {
      const refs = path.join(cache, repository, 'refs');
      const names = (await readdir(refs, { recursive: true }).catch(() => [])).sort(
        (a, b) => Number(b === DEFAULT_REVISION) - Number(a === DEFAULT_REVISION),
      );
      for (const revision of names) {
        const commit = (await readFile(path.join(refs, revision), 'utf8').catch(() => '')).trim();
        if (!COMMIT.test(commit)) continue;
        const folder = path.join(cache, repository, 'snapshots', commit);
        const isOne = await access(path.join(folder, marker)).then(
          () => true,
          () => false,
        );
        if (isOne) return [{ name: repository.slice(prefix.length).replace('--', '/'), revision, folder }];
      }
      return [];
    }),
  );
  return found.flat();
}
