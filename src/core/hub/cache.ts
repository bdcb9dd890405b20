import { lstat, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { cannotWrite, writeFileAtomically } from '../files/atomic-file.js';
import { makeFolders } from '../files/make-folders.js';
import { COMMIT } from './api.js';
import type { HubId, RepositoryKind } from './hub-id.js';
import { readTree, type RepositoryFile } from './tree.js';

/** A commit of a repository as the cache has it. */
export interface Snapshot {
  readonly id: HubId;
  readonly commit: string;
  /** Absolute; files lie in it at their paths. */
  readonly folder: string;
}

/** The folder of a repository in the cache: `models--org--name`. */
export function repositoryFolder(cache: string, { kind, name }: Pick<HubId, 'kind' | 'name'>): string {
  return path.join(cache, `${kind}s--${name.replaceAll('/', '--')}`);
}

export function snapshotFolder(cache: string, id: HubId, commit: string): string {
  return path.join(repositoryFolder(cache, id), 'snapshots', commit);
}

/** The commit that a revision stood for when it was last fetched; undefined when it never was. */
export async function cachedCommit(cache: string, id: HubId): Promise<string | undefined> {
  if (COMMIT.test(id.revision)) return id.revision;
  const file = path.join(repositoryFolder(cache, id), 'refs', ...id.revision.split('/'));
  const text = await readFile(file, 'utf8').catch(() => '');
  return COMMIT.test(text.trim()) ? text.trim() : undefined;
}

/** The repository and commit that a file or folder of a cache belongs to, told by its path alone; any cache's. */
export function originOf(file: string): { readonly kind: RepositoryKind; readonly name: string; readonly commit: string } | undefined {
  const found = /(?:^|[/\\])(model|dataset)s--([^/\\]+)[/\\]snapshots[/\\]([0-9a-f]{40})(?=[/\\]|$)/.exec(file);
  const [, kind, name, commit] = found ?? [];
  if (kind === undefined || name === undefined || commit === undefined) return undefined;
  return { kind: kind as RepositoryKind, name: name.replace('--', '/'), commit };
}

/** What people call a model folder: `org/name` of one in a cache, else its own name. */
export function modelName(folder: string): string {
  return originOf(folder)?.name ?? path.basename(folder);
}

/** Whether a file of a snapshot is there, with the size it should have. */
export async function isCached({ folder }: Snapshot, { path: name, size }: RepositoryFile): Promise<boolean> {
  return stat(path.join(folder, ...name.split('/'))).then(
    (info) => info.isFile() && info.size === size,
    () => false,
  );
}

/** The files of a snapshot that are there, with `/`; blobs that are gone do not count. */
export async function cachedFiles({ folder }: Snapshot): Promise<string[]> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const there = await Promise.all(
    names.map((name) =>
      stat(path.join(folder, name)).then(
        (info) => info.isFile(),
        () => false,
      ),
    ),
  );
  return names.filter((_, index) => there[index]).map((name) => name.split(path.sep).join('/'));
}

/** The list of a snapshot's commit, where it was kept. */
export function cachedTree(cache: string, { id, commit }: Snapshot): Promise<RepositoryFile[] | undefined> {
  return readTree(repositoryFolder(cache, id), commit);
}

/** Notes that a branch or tag stands for a commit. */
export async function writeRef(cache: string, id: HubId, commit: string): Promise<void> {
  if (id.revision === commit || (await cachedCommit(cache, id)) === commit) return;
  const file = path.join(repositoryFolder(cache, id), 'refs', ...id.revision.split('/'));
  try {
    await makeFolders(path.dirname(file));
    await writeFileAtomically(file, (handle) => handle.writeFile(commit));
  } catch (error) {
    throw cannotWrite(file, error);
  }
}

const TAG =
  'Signature: 8a477f597d28d172789f06886806bc55\n# This file is a cache directory tag created by huggingface_hub.\n' +
  '# For information about cache directory tags, see:\n#\thttps://bford.info/cachedir/spec.html\n';

/** Makes the cache's folder, marked as one that backups leave out. */
export async function makeCache(cache: string): Promise<void> {
  const tag = path.join(cache, 'CACHEDIR.TAG');
  try {
    await makeFolders(cache);
    await writeFile(tag, TAG, { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw cannotWrite(cache, error);
  }
}

/** Puts a blob into a snapshot by a relative link; where there are none, the file itself. */
export async function linkBlob(blob: string, { folder }: Snapshot, name: string): Promise<void> {
  const pointer = path.join(folder, ...name.split('/'));
  try {
    await makeFolders(path.dirname(pointer));
    if (await lstat(pointer).catch(() => undefined)) await rm(pointer);
    await symlink(path.relative(path.dirname(pointer), blob), pointer).catch(async (error: NodeJS.ErrnoException) => {
      // Put there by somebody else just now.
      if (error.code === 'EEXIST' && (await stat(pointer).catch(() => undefined))) return;
      if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(error.code ?? '')) throw error;
      await rename(blob, pointer);
    });
  } catch (error) {
    throw cannotWrite(pointer, error);
  }
}
