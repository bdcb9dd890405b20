import { setTimeout as sleep } from 'node:timers/promises';
import { ConnectionError, get, readText } from '../download/index.js';
import { WishboneError } from '../errors.js';
import type { HubId } from './hub-id.js';
import { pageOf, refusalOf, unreachable } from './refusals.js';
import type { HubSettings } from './settings.js';
import { type ListedFile, type RepositoryFile, repositoryFile } from './tree.js';

/** What the hub says of a repository at a revision. */
export interface Repository {
  /** 40 hexadecimal digits. */
  readonly commit: string;
  /** Its name today; another than the one asked for where it was renamed. */
  readonly name: string;
}

const MOST_CHARACTERS = 64_000_000;
const MOST_PAGES = 1000;
const MOST_ATTEMPTS = 3;
const PAUSE_MILLISECONDS = 500;
const LONGEST_WAIT = 30;

export const COMMIT = /^[0-9a-f]{40}$/;

/** Looks up the commit of a revision. @throws WishboneError with what helps, when the hub says no or nothing */
export async function findRepository(settings: HubSettings, id: HubId, signal?: AbortSignal): Promise<Repository> {
  const { text } = await ask(settings, id, `${api(settings, id)}/revision/${encodeURIComponent(id.revision)}`, signal);
  const { sha, id: name } = parsed(text, settings, id) as { sha?: unknown; id?: unknown };
  if (typeof sha !== 'string' || !COMMIT.test(sha)) throw strange(settings, id, 'it names no commit');
  return { commit: sha, name: typeof name === 'string' ? name : id.name };
}

/** Lists the files of a commit, page by page. @throws WishboneError */
export async function listFiles(
  settings: HubSettings,
  id: HubId,
  commit: string,
  signal?: AbortSignal,
): Promise<{ readonly listed: readonly ListedFile[]; readonly files: readonly RepositoryFile[] }> {
  const listed: ListedFile[] = [];
  let next: string | undefined = `${api(settings, id)}/tree/${commit}?recursive=true&expand=false`;
  for (let pages = 0; next !== undefined; pages++) {
    if (pages === MOST_PAGES) throw strange(settings, id, 'its list of files does not end');
    const { text, link, url }: Answer = await ask(settings, id, next, signal);
    const entries = parsed(text, settings, id);
    if (!Array.isArray(entries)) throw strange(settings, id, 'its list of files is none');
    listed.push(...entries.filter((entry: { type?: unknown }) => entry?.type === 'file'));
    const more = /<([^>]*)>\s*;\s*rel="?next"?/.exec(link)?.[1];
    next = more === undefined ? undefined : new URL(more, url).href;
  }
  const files = listed.map(({ path: name, size, oid, lfs }) => {
    const file = repositoryFile(name, lfs?.size ?? size, oid, lfs?.oid);
    if (file === undefined) throw strange(settings, id, `it lists a file that cannot be kept: ${JSON.stringify(name)}`);
    return file;
  });
  return { listed, files };
}

/** Where a file of a commit is. */
export function fileUrl(settings: HubSettings, id: HubId, commit: string, name: string): string {
  return `${pageOf(settings, id)}/resolve/${commit}/${name.split('/').map(encodeURIComponent).join('/')}`;
}

export function authorizationOf({ token }: HubSettings): string | undefined {
  return token === undefined ? undefined : `Bearer ${token}`;
}

const api = ({ endpoint }: HubSettings, { kind, name }: HubId): string => `${endpoint}/api/${kind}s/${name}`;

interface Answer {
  readonly text: string;
  readonly link: string;
  readonly url: string;
}

/** Asks the hub for a text, more than once where that may help. @throws WishboneError; the signal's reason */
export async function ask(settings: HubSettings, id: HubId, url: string, signal?: AbortSignal): Promise<Answer> {
  for (let attempts = 1; ; attempts++) {
    try {
      const refuse = (refusal: Parameters<typeof refusalOf>[2]): Error => refusalOf(settings, id, refusal);
      const response = await get(url, { authorization: authorizationOf(settings), refuse }, settings.network, signal);
      const text = await readText(response, MOST_CHARACTERS, url);
      return { text, link: String(response.headers['link'] ?? ''), url };
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      const wait = error.retryAfter ?? 0;
      if (attempts === MOST_ATTEMPTS || wait > LONGEST_WAIT) throw unreachable(settings, id, error);
      await sleep(Math.max(PAUSE_MILLISECONDS * attempts, wait * 1000), undefined, signal === undefined ? {} : { signal }).catch(() =>
        signal?.throwIfAborted(),
      );
    }
  }
}

function parsed(text: string, settings: HubSettings, id: HubId): unknown {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Said below.
  }
  throw strange(settings, id, 'its answer is not JSON');
}

function strange(settings: HubSettings, id: HubId, why: string): WishboneError {
  return new WishboneError(`this is not how the hub answers: ${why}`, pageOf(settings, id), 'check HF_ENDPOINT and the proxy');
}
