import { access, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { COMMIT } from './api.js';

/** A model that is in the cache. */
export interface CachedModel {
  /** `org/name` */
  readonly name: string;
  /** The branch or tag; `main` where there is one. */
  readonly revision: string;
  /** Absolute: its snapshot. */
  readonly folder: string;
}

/** The models in a cache that have a `config.json`, by name: each once, at `main` or else at the first of its revisions. */
export async function cachedModels(cache: string): Promise<CachedModel[]> {
  const repositories = (await readdir(cache).catch(() => [])).filter((name) => name.startsWith('models--')).sort();
  const found = await Promise.all(
    repositories.map(async (repository): Promise<CachedModel[]> => {
      const refs = path.join(cache, repository, 'refs');
      const names = (await readdir(refs, { recursive: true }).catch(() => [])).sort((a, b) => Number(b === 'main') - Number(a === 'main'));
      for (const revision of names) {
        const commit = (await readFile(path.join(refs, revision), 'utf8').catch(() => '')).trim();
        if (!COMMIT.test(commit)) continue;
        const folder = path.join(cache, repository, 'snapshots', commit);
        const isModel = await access(path.join(folder, 'config.json')).then(
          () => true,
          () => false,
        );
        if (isModel) return [{ name: repository.slice('models--'.length).replace('--', '/'), revision, folder }];
      }
      return [];
    }),
  );
  return found.flat();
}
