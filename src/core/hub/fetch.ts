import { randomBytes } from 'node:crypto';
import { rename, stat } from 'node:fs/promises';
import path from 'node:path';
import { discardPart, download, fetchedBytes, get, readText } from '../download/index.js';
import { ExitCode, WishboneError } from '../errors.js';
import { cannotWrite } from '../files/atomic-file.js';
import { makeFolders } from '../files/make-folders.js';
import { freeBytes } from '../run/disk.js';
import type { WorkOptions } from '../work/progress.js';
import { authorizationOf, fileUrl, findRepository, listFiles } from './api.js';
import { cachedTree, isCached, linkBlob, makeCache, repositoryFolder, type Snapshot, snapshotFolder, writeRef } from './cache.js';
import type { HubId } from './hub-id.js';
import { withLock } from './lock.js';
import { pageOf, refusalOf } from './refusals.js';
import type { HubSettings } from './settings.js';
import { type ListedFile, type RepositoryFile, writeTree } from './tree.js';

/** What is to be fetched, so that somebody can be asked first. */
export interface HubPlan {
  readonly snapshot: Snapshot;
  /** Files that are needed, in the order in which they are to be there. */
  readonly files: readonly RepositoryFile[];
  /** Those of them that are not there. */
  readonly missing: readonly RepositoryFile[];
  /** Bytes of these, without what earlier attempts have brought. */
  readonly bytes: number;
  /** What the repository is called now, when it was renamed. */
  readonly renamed: string | undefined;
  /** The list of its files, to be kept. */
  readonly listed: readonly ListedFile[] | undefined;
}

/** Chooses files of a repository. @param read the text of one of them */
export type Select = (names: readonly string[], read: (name: string) => Promise<string>) => Promise<readonly string[]>;

/** Files above are fetched in parts, a few at a time. */
const LARGE = 64 << 20;
const LARGE_AT_A_TIME = 2;
const SMALL_AT_A_TIME = 8;
const CONNECTIONS = 4;
const MOST_CHARACTERS = 4_000_000;

/** Asks the hub what a run needs of a repository, and what of it is missing here. Writes nothing. @throws WishboneError */
export async function planFetch(settings: HubSettings, id: HubId, select: Select, signal?: AbortSignal): Promise<HubPlan> {
  const { commit, name } = await findRepository(settings, id, signal);
  const snapshot: Snapshot = { id, commit, folder: snapshotFolder(settings.cache, id, commit) };
  const kept = await cachedTree(settings.cache, snapshot);
  const { listed, files } = kept === undefined ? await listFiles(settings, id, commit, signal) : { listed: undefined, files: kept };
  const byName = new Map(files.map((file) => [file.path, file]));
  const wanted = await select([...byName.keys()], (file) => readRemote(settings, id, commit, file, signal));
  const needed = wanted.flatMap((file) => byName.get(file) ?? []);
  const there = await Promise.all(needed.map((file) => isCached(snapshot, file)));
  const missing = needed.filter((_, index) => !there[index]);
  const sizes = await Promise.all(missing.map((file) => missingBytes(settings.cache, id, file)));
  return {
    snapshot,
    files: needed,
    missing,
    bytes: sizes.reduce((sum, size) => sum + size, 0),
    renamed: name.toLowerCase() === id.name.toLowerCase() ? undefined : name,
    listed,
  };
}

/**
 * Fetches what a plan names into the cache, in the layout of `huggingface_hub`. Cancelled, killed or cut off, what has come stays and is
 * gone on from next time. A file is in a snapshot only when it is whole and what it should be.
 *
 * @throws WishboneError; the signal's reason
 */
export async function fetchPlan(
  settings: HubSettings,
  plan: HubPlan,
  work: WorkOptions = {},
  free: (folder: string) => Promise<number | undefined> = freeBytes,
): Promise<Snapshot> {
  const { snapshot, missing, bytes, listed } = plan;
  const { cache } = settings;
  const { id, commit } = snapshot;
  const room = await free(cache);
  if (room !== undefined && room < bytes) {
    const what = `the disk has ${mebibytes(room)} free, but ${id.name} needs ${mebibytes(bytes)} more`;
    throw new WishboneError(what, cache, 'free some space, or set HF_HUB_CACHE to a folder on another disk', ExitCode.cannotWrite);
  }
  await makeCache(cache);
  if (listed !== undefined) {
    await writeTree(repositoryFolder(cache, id), commit, listed).catch((error: unknown) => {
      throw cannotWrite(cache, error);
    });
  }
  const tally = new Tally(plan, work);
  // Weights are there only when what goes with them is.
  const isWeight = ({ path: name }: RepositoryFile): boolean => name.endsWith('.safetensors');
  for (const group of [missing.filter((file) => !isWeight(file)), missing.filter(isWeight)]) {
    const [large, small] = [group.filter(({ size }) => size >= LARGE), group.filter(({ size }) => size < LARGE)];
    await each(small, SMALL_AT_A_TIME, work.signal, (file, signal) => fetchFile(settings, snapshot, file, tally, signal));
    await each(large, LARGE_AT_A_TIME, work.signal, (file, signal) => fetchFile(settings, snapshot, file, tally, signal));
  }
  await writeRef(cache, id, commit);
  return snapshot;
}

/** Notes the commit of a revision whose files are all there already. */
export async function keepPlan({ cache }: HubSettings, { snapshot: { id, commit }, listed }: HubPlan): Promise<void> {
  // Next time nobody need be asked; where the cache cannot be written, somebody is.
  if (listed !== undefined) await writeTree(repositoryFolder(cache, id), commit, listed).catch(() => undefined);
  await writeRef(cache, id, commit).catch(() => undefined);
}

async function fetchFile(
  settings: HubSettings,
  snapshot: Snapshot,
  file: RepositoryFile,
  tally: Tally,
  signal: AbortSignal,
): Promise<void> {
  const { cache } = settings;
  const { id, commit } = snapshot;
  const { digest } = file.check;
  const blob = blobFile(cache, id, file);
  const fetchTo = async (part: string): Promise<void> => {
    if (await hasSize(blob, file.size)) tally.set(file, file.size);
    else {
      const refuse = (refusal: Parameters<typeof refusalOf>[2]): Error => refusalOf(settings, id, refusal);
      const remote = { ...file, url: fileUrl(settings, id, commit, file.path), authorization: authorizationOf(settings), refuse };
      const connections = file.size >= LARGE ? CONNECTIONS : 1;
      await download(
        remote,
        part,
        settings.network,
        { signal, onProgress: ({ phase, done }) => tally.set(file, done, phase) },
        { connections },
      );
      try {
        await makeFolders(path.dirname(blob));
        await rename(part, blob);
      } catch (error) {
        throw cannotWrite(blob, error);
      }
    }
    if (!(await isCached(snapshot, file))) await linkBlob(blob, snapshot, file.path);
  };
  const lock = path.join(cache, '.locks', path.basename(repositoryFolder(cache, id)), `${digest}.lock`);
  const alone = `${blob}.${randomBytes(4).toString('hex')}.wishbone.incomplete`;
  await withLock(
    lock,
    () => fetchTo(partFile(blob)),
    // Nobody would find it again.
    () => fetchTo(alone).finally(() => discardPart(alone)),
    signal,
  );
}

const blobFile = (cache: string, id: HubId, { check }: RepositoryFile): string =>
  path.join(repositoryFolder(cache, id), 'blobs', check.digest);
/** Not `.incomplete` alone, which older ones of `huggingface_hub` take for the beginning of the file. */
const partFile = (blob: string): string => `${blob}.wishbone.incomplete`;

async function missingBytes(cache: string, id: HubId, file: RepositoryFile): Promise<number> {
  const blob = blobFile(cache, id, file);
  return (await hasSize(blob, file.size)) ? 0 : Math.max(0, file.size - (await fetchedBytes(partFile(blob))));
}

async function hasSize(file: string, size: number): Promise<boolean> {
  return stat(file).then(
    (info) => info.isFile() && info.size === size,
    () => false,
  );
}

/** A text of a repository, before anything of it is here. @throws WishboneError; ConnectionError */
export async function readRemote(settings: HubSettings, id: HubId, commit: string, name: string, signal?: AbortSignal): Promise<string> {
  const refuse = (refusal: Parameters<typeof refusalOf>[2]): Error => refusalOf(settings, id, refusal);
  const url = fileUrl(settings, id, commit, name);
  const response = await get(url, { authorization: authorizationOf(settings), refuse }, settings.network, signal);
  return readText(response, MOST_CHARACTERS, `${pageOf(settings, id)}/blob/${commit}/${name}`);
}

/** Does work for each, some at a time; the first failure ends the others. */
async function each<T>(
  items: readonly T[],
  atATime: number,
  signal: AbortSignal | undefined,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const left = [...items];
  const failed = new AbortController();
  const either = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item, either);
  };
  const workers = Array.from({ length: Math.min(atATime, items.length) }, worker);
  try {
    await Promise.all(workers);
  } catch (error) {
    failed.abort(error);
    await Promise.allSettled(workers);
    signal?.throwIfAborted();
    throw error;
  }
}

/** How far all files are, as one. */
class Tally {
  readonly #done = new Map<string, number>();
  readonly #total: number;
  readonly #beginAt = performance.now();
  #begin: number | undefined;

  constructor(
    { missing }: HubPlan,
    readonly work: WorkOptions,
  ) {
    this.#total = missing.reduce((sum, { size }) => sum + size, 0);
  }

  set({ path: name, size }: RepositoryFile, done: number, phase = 'download'): void {
    // What is being checked has come.
    this.#done.set(name, phase === 'download' ? done : size);
    const all = [...this.#done.values()].reduce((sum, bytes) => sum + bytes, 0);
    this.#begin ??= all;
    const seconds = (performance.now() - this.#beginAt) / 1000;
    const came = all - this.#begin;
    const left = seconds > 2 && came > 0 ? { secondsLeft: (seconds * (this.#total - all)) / came } : {};
    this.work.onProgress?.({ phase: all < this.#total ? 'download' : 'verify', done: all, total: this.#total, ...left });
  }
}

export const mebibytes = (bytes: number): string =>
  `${bytes < 10 * 2 ** 20 ? (bytes / 2 ** 20).toFixed(1) : Math.round(bytes / 2 ** 20)} MiB`;
