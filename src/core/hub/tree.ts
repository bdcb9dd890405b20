import path from 'node:path';
import type { Check } from '../download/index.js';
import { writeFileAtomically } from '../files/atomic-file.js';
import { makeFolderOf } from '../files/make-folders.js';
import { mostBytes, readPlainText } from '../files/plain-file.js';

/** A file of a repository at a commit. */
export interface RepositoryFile {
  /** With `/`, checked: it does not lead out of the repository. */
  readonly path: string;
  readonly size: number;
  /** Also its name among the cache's blobs, as the hub's ETag is. */
  readonly check: Check;
}

/** A file as the hub lists it. @returns undefined for what cannot be kept safely */
export function repositoryFile(name: unknown, size: unknown, gitHash: unknown, lfsHash: unknown): RepositoryFile | undefined {
  if (typeof name !== 'string' || !isWithin(name) || !Number.isSafeInteger(size) || (size as number) < 0) return undefined;
  if (typeof lfsHash === 'string' && /^[0-9a-f]{64}$/.test(lfsHash)) {
    return { path: name, size: size as number, check: { algorithm: 'sha256', digest: lfsHash } };
  }
  if (typeof gitHash !== 'string' || !/^[0-9a-f]{40}$/.test(gitHash)) return undefined;
  return { path: name, size: size as number, check: { algorithm: 'git-sha1', digest: gitHash } };
}

function isWithin(name: string): boolean {
  return !/[\\\0]/.test(name) && name.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

const VERSION = 1;
const treeFile = (folder: string, commit: string): string => path.join(folder, 'trees', `${commit}.json`);

/** The list of a commit's files that `huggingface_hub` or we have kept beside its snapshots; undefined when there is none. */
export async function readTree(folder: string, commit: string): Promise<RepositoryFile[] | undefined> {
  try {
    const json = JSON.parse(await readPlainText(treeFile(folder, commit), mostBytes.json)) as {
      format_version?: unknown;
      files?: Record<string, { size?: unknown; blob_id?: unknown; lfs_sha256?: unknown; lfs_size?: unknown }>;
    };
    if (json.format_version !== VERSION) return undefined;
    const files = Object.entries(json.files ?? {}).map(([name, { size, blob_id, lfs_sha256, lfs_size }]) =>
      repositoryFile(name, lfs_size ?? size, blob_id, lfs_sha256),
    );
    return files.every((file) => file !== undefined) ? files : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps a commit's list, as `huggingface_hub` (`_tree_cache.py`) does. */
export async function writeTree(folder: string, commit: string, listed: readonly ListedFile[]): Promise<void> {
  const files = Object.fromEntries(
    [...listed]
      .sort((a, b) => (a.path < b.path ? -1 : 1))
      .map(({ path: name, size, oid, lfs, xetHash }) => [
        name,
        {
          size,
          blob_id: oid,
          ...(lfs === undefined ? {} : { lfs_sha256: lfs.oid, lfs_size: lfs.size }),
          ...(xetHash === undefined ? {} : { xet_hash: xetHash }),
        },
      ]),
  );
  const file = treeFile(folder, commit);
  await makeFolderOf(file);
  await writeFileAtomically(file, (handle) => handle.writeFile(JSON.stringify({ format_version: VERSION, files }, undefined, 1)));
}

/** An entry of the hub's answer to `/tree`. */
export interface ListedFile {
  readonly type: 'file';
  readonly path: string;
  readonly size: number;
  readonly oid: string;
  readonly lfs?: { readonly oid: string; readonly size: number };
  readonly xetHash?: string;
}
