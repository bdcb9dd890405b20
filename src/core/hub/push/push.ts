import { stat } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, WishboneError } from '../../errors.js';
import { readPlain } from '../../files/plain-file.js';
import type { WorkOptions } from '../../work/progress.js';
import { modelId } from '../hub-id.js';
import type { HubSettings } from '../settings.js';
import { PushClient } from './client.js';
import { firstBytes, hashesOf, type PushedFile, pushedFiles } from './files.js';
import { refusePersonal } from './personal.js';

/** What is uploaded. */
export interface PushRequest {
  /** Of a model or an adapter. */
  readonly folder: string;
  /** `org/name`, or `name` alone for one of the token's owner. */
  readonly name: string;
  /** Whether everybody may see a repository that is made. */
  readonly isPublic?: boolean | undefined;
  /** Absolute paths of folders that nobody else is to read of. */
  readonly folders: readonly string[];
  /** Whether files of a repository that is there already are to be replaced. */
  mayReplace(name: string, isPrivate: boolean): Promise<boolean>;
}

/** Some files, and a card that is written once their repository has its name. */
export interface PushFilesRequest extends Omit<PushRequest, 'folder'> {
  readonly files: readonly Omit<PushedFile, 'size'>[];
  /** @returns the file of the card, which is uploaded as README.md */
  readme(repository: string): Promise<string>;
}

/** What came of it. */
export interface Pushed {
  /** The repository's page. */
  readonly url: string;
  /** `org/name` */
  readonly name: string;
  readonly commit: string;
  readonly files: number;
  readonly bytes: number;
}

/** Bytes of a file's beginning by which the hub decides how to keep it. */
const SAMPLE = 512;

/**
 * Uploads a model or an adapter to the hub, in one commit: into a new repository, which only its owner sees unless something else is
 * said, or an existing one.
 *
 * @throws WishboneError when it names folders of this machine, without a token or the right to write, when there is a repository already
 * that is not to be changed; the signal's reason
 */
export async function pushFolder(settings: HubSettings, request: PushRequest, work: WorkOptions = {}): Promise<Pushed> {
  const { folder, folders } = request;
  const client = clientOf(settings, work);
  const files = await pushedFiles(folder);
  await refusePersonal(files, [path.resolve(folder), ...folders]);
  return upload(client, await fullName(request.name, client), files, settings, request, work);
}

/** The same of files that lie anywhere. @throws WishboneError as `pushFolder` */
export async function pushFiles(settings: HubSettings, request: PushFilesRequest, work: WorkOptions = {}): Promise<Pushed> {
  const client = clientOf(settings, work);
  const sized = (files: PushFilesRequest['files']): Promise<PushedFile[]> =>
    Promise.all(files.map(async (file) => ({ ...file, size: (await stat(file.file)).size })));
  const files = await sized(request.files);
  await refusePersonal(files, request.folders);
  const name = await fullName(request.name, client);
  const card = await sized([{ path: 'README.md', file: await request.readme(name) }]);
  await refusePersonal(card, request.folders);
  return upload(client, name, [...card, ...files], settings, request, work);
}

/** The full name of a repository of models that is there already; undefined when there is none. @throws WishboneError as `pushFolder` */
export async function pushedModel(settings: HubSettings, name: string, signal?: AbortSignal): Promise<string | undefined> {
  const client = clientOf(settings, signal ? { signal } : {});
  const full = await fullName(name, client);
  return (await client.head(full)) === undefined ? undefined : full;
}

/** @throws WishboneError when nothing may be sent */
function clientOf(settings: HubSettings, { signal }: WorkOptions): PushClient {
  if (settings.offline) throw new WishboneError('HF_HUB_OFFLINE forbids to upload', settings.endpoint, 'unset HF_HUB_OFFLINE');
  return new PushClient(settings, signal);
}

async function upload(
  client: PushClient,
  name: string,
  files: readonly PushedFile[],
  settings: HubSettings,
  request: Omit<PushRequest, 'folder'>,
  work: WorkOptions,
): Promise<Pushed> {
  const parent = await begin(client, name, settings, request);
  const samples = await Promise.all(files.map(async (file) => ({ ...file, sample: (await firstBytes(file, SAMPLE)).toString('base64') })));
  const isLarge = await client.large(name, samples);
  const large = files.filter((file) => isLarge.has(file.path));
  const hashes = await hashesOf(large, work);
  const sent = large.map((file) => ({ ...file, sha256: hashes.get(file.path)! }));
  await sendAll(client, name, sent, work);
  const small = await Promise.all(
    files.filter((file) => !isLarge.has(file.path)).map(async (file) => ({ ...file, content: await readPlain(file.file, file.size) })),
  );
  work.signal?.throwIfAborted();
  const commit = await client.commit(name, { summary: 'Upload with Wishbone', parent, small, large: sent });
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  return { url: `${settings.endpoint}/${name}`, name, commit, files: files.length, bytes };
}

/** Makes the repository, or asks whether the one that is there may be changed. @returns the commit that it stands at, if any */
async function begin(
  client: PushClient,
  name: string,
  { endpoint }: HubSettings,
  { isPublic = false, mayReplace }: Omit<PushRequest, 'folder'>,
): Promise<string | undefined> {
  const head = await client.head(name);
  const made = head === undefined && (await client.create(name, !isPublic));
  if (made && !isPublic) await refuseSeen(client, name, endpoint);
  if (made) return undefined;
  // Somebody may have made it a moment ago.
  const there = head ?? (await client.head(name));
  if (there !== undefined && (await mayReplace(name, there.isPrivate))) return there.commit;
  throw new WishboneError(
    `there is a repository ${name} already${there?.isPrivate === false ? ', which everybody may see' : ''}`,
    `${endpoint}/${name}`,
    'name another, or replace its files with --overwrite',
    ExitCode.cannotWrite,
  );
}

/** A hub that takes no notice of what was asked for would show everybody what is uploaded. */
async function refuseSeen(client: PushClient, name: string, endpoint: string): Promise<void> {
  if ((await client.head(name))?.isPrivate === true) return;
  throw new WishboneError(
    'the repository was to be private, and the hub has made it public: nothing is uploaded',
    `${endpoint}/${name}`,
    'make it private there and upload again with --overwrite, or say --public',
  );
}

async function sendAll(
  client: PushClient,
  name: string,
  files: Parameters<PushClient['sendLarge']>[1],
  { onProgress }: WorkOptions,
): Promise<void> {
  const total = files.reduce((sum, { size }) => sum + size, 0);
  const began = performance.now();
  let [done, told] = [0, 0];
  await client.sendLarge(name, files, (count) => {
    done += count;
    const now = performance.now();
    if (now - told < 100 && done < total) return;
    told = now;
    const seconds = (now - began) / 1000;
    const secondsLeft = seconds > 2 && done > 0 ? (seconds * (total - done)) / done : undefined;
    onProgress?.({ phase: 'upload', done, total, secondsLeft });
  });
}

/** @throws WishboneError when it is no name of a repository */
async function fullName(name: string, client: PushClient): Promise<string> {
  const full = name.includes('/') ? name : `${(await client.owner()).name}/${name}`;
  // A folder of the name here does not matter.
  if (modelId(full, '/nowhere')?.name !== full)
    throw new WishboneError(
      `${JSON.stringify(name)} is no name of a repository`,
      'the name of the repository',
      'write it as org/name, of letters, digits, ".", "-" and "_"',
      ExitCode.usage,
    );
  return full;
}
