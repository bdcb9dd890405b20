import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Changed, type Uploads, UploadSide } from './stand-in-uploads.js';

/** A repository that the stand-in has. */
export interface StandInRepository {
  readonly kind: 'model' | 'dataset';
  readonly name: string;
  /** By path. Those named by `lfs`, or ending in `.safetensors`, `.parquet` or `.arrow`, are kept as large files are. */
  readonly files: Readonly<Record<string, Buffer | string>>;
  readonly gated?: boolean;
  readonly isPrivate?: boolean;
  /** Names it had before. */
  readonly formerly?: readonly string[];
  /** Of a model, as its list of the hub says. */
  readonly parameters?: number;
  /** Branches and tags beside `main`. */
  readonly refs?: readonly string[];
}

/** What goes wrong; may be changed while it runs. */
export interface Faults {
  /** Bytes of a large file after which a connection is cut, for one request each. */
  cuts: number[];
  /** Answers with these, one request each, then as usual. */
  statuses: { readonly status: number; readonly retryAfter?: number }[];
  /** Large files have a byte of another value. */
  wrongBytes?: boolean;
  ignoresRanges?: boolean;
  /** Bytes a second of each connection, about. */
  speed?: number;
}

export interface StandInHub {
  readonly endpoint: string;
  readonly faults: Faults;
  readonly uploads: Uploads;
  /** A repository of models as it is now. */
  model(name: string): Changed | undefined;
  readonly asked: {
    readonly method: string;
    readonly path: string;
    readonly range: string | undefined;
    readonly authorization: string | undefined;
  }[];
  /** Bytes of large files that have been given to the network so far. */
  readonly sent: number;
  /** Of a repository, by `kind/name`. */
  commit(kind: 'model' | 'dataset', name: string): string;
  close(): Promise<void>;
}

export const TOKEN = 'hf_right';
const PAGE = 3;

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const gitHash = (bytes: Buffer): string => createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');

interface Kept {
  readonly bytes: Buffer;
  readonly isLarge: boolean;
  readonly oid: string;
  readonly etag: string;
}

/**
 * A hub on loopback: revisions, lists of files in pages, files with ETag, large ones by a redirect to another origin with
 * ranges, and its ways of saying no, as huggingface.co has them.
 */
export async function standInHub(repositories: readonly StandInRepository[]): Promise<StandInHub> {
  const faults: Faults = { cuts: [], statuses: [] };
  const asked: StandInHub['asked'] = [];
  let sent = 0;
  const known = new Map(
    repositories.map((repository) => {
      const files = new Map(Object.entries(repository.files).map(([name, content]) => [name, kept(name, content)]));
      const commit = commitOf(files);
      return [`${repository.kind}/${repository.name}`, { repository, files, commit }];
    }),
  );
  type Known = NonNullable<ReturnType<typeof known.get>>;
  const model = (name: string): Changed | undefined => {
    const found = known.get(`model/${name}`);
    return found === undefined ? undefined : { name, isPrivate: found.repository.isPrivate === true, files: found.files };
  };
  /** Takes in what was uploaded. @returns its commit */
  const keep = ({ name, isPrivate, files }: Changed): string => {
    const all = new Map([...files].map(([path, { bytes, isLarge }]) => [path, kept(path, bytes, isLarge)]));
    const commit = commitOf(all);
    known.set(`model/${name}`, { repository: { kind: 'model', name, files: {}, isPrivate }, files: all, commit });
    return commit;
  };

  const refuse = (response: ServerResponse, status: number, code = '', message = ''): void => {
    response.writeHead(status, { ...(code && { 'X-Error-Code': code }), ...(message && { 'X-Error-Message': message }) });
    response.end(JSON.stringify({ error: message }));
  };

  /** The repository that may be seen; undefined when the answer has been given. */
  function allowed(request: IncomingMessage, response: ServerResponse, kind: string, name: string): Known | undefined {
    const { authorization } = request.headers;
    if (authorization !== undefined && authorization !== `Bearer ${TOKEN}`) {
      refuse(response, 401, '', 'Invalid credentials in Authorization header');
      return undefined;
    }
    const moved = repositories.find((repository) => repository.kind === kind && repository.formerly?.includes(name));
    if (moved !== undefined) {
      response.writeHead(307, { Location: (request.url ?? '').replace(name, moved.name) }).end();
      return undefined;
    }
    const found = known.get(`${kind}/${name}`);
    const isHidden = found === undefined || (found.repository.isPrivate === true && authorization === undefined);
    if (isHidden) {
      if (authorization === undefined) refuse(response, 401, 'RepoNotFound', 'Invalid username or password.');
      else refuse(response, 404, 'RepoNotFound', 'Repository not found');
      return undefined;
    }
    return found;
  }

  const isRevision = ({ repository, commit }: Known, revision: string): boolean =>
    ['main', commit, ...(repository.refs ?? [])].includes(revision);

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', `http://${request.headers.host}`);
    asked.push({
      method: request.method ?? '',
      path: decodeURIComponent(url.pathname),
      range: request.headers.range,
      authorization: request.headers.authorization,
    });
    const fault = faults.statuses.shift();
    if (fault !== undefined) {
      response.writeHead(fault.status, fault.retryAfter === undefined ? {} : { 'Retry-After': String(fault.retryAfter) }).end();
      return;
    }
    if (uploadSide.answer(request, response, url)) return;
    const cdn = /^\/cdn\/([0-9a-f]{64})$/.exec(url.pathname);
    if (cdn !== null) return sendLarge(request, response, cdn[1] as string);
    const list = /^\/api\/(model|dataset)s$/.exec(url.pathname);
    if (list !== null) return sendFound(request, response, url, list[1] as StandInRepository['kind']);
    const info = /^\/api\/(model|dataset)s\/([^/]+\/[^/]+)(?:\/(revision|tree)\/([^/]+))?$/.exec(url.pathname);
    if (info !== null) {
      const [, kind = '', name = '', what = 'revision', revision = 'main'] = info;
      const found = allowed(request, response, kind, name);
      if (found === undefined) return;
      if (!isRevision(found, decodeURIComponent(revision))) return refuse(response, 404, 'RevisionNotFound', 'Invalid rev id');
      return what === 'tree' ? sendTree(url, response, found) : sendInfo(response, found);
    }
    const file = /^\/(datasets\/)?([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(url.pathname);
    if (file === null) return refuse(response, 404);
    const [, isDataset, name = '', revision = '', path = ''] = file;
    const found = allowed(request, response, isDataset === undefined ? 'model' : 'dataset', name);
    if (found === undefined) return;
    if (!isRevision(found, decodeURIComponent(revision))) return refuse(response, 404, 'RevisionNotFound', 'Invalid rev id');
    // Of a gated one everybody may see what there is.
    if (found.repository.gated === true) {
      const status = request.headers.authorization === undefined ? 401 : 403;
      return refuse(response, status, 'GatedRepo', `Access to model ${name} is restricted.`);
    }
    sendFile(request, response, found, decodeURIComponent(path));
  }

  /** What a search finds: every word of it in the name, those that may be seen. */
  function sendFound(request: IncomingMessage, response: ServerResponse, { searchParams }: URL, kind: StandInRepository['kind']): void {
    const words = (searchParams.get('search') ?? '').toLowerCase().split(/\s+/);
    const wanted = new Set(searchParams.getAll('expand[]'));
    const found = [...known.values()].filter(
      ({ repository, files }) =>
        repository.kind === kind &&
        words.every((word) => repository.name.toLowerCase().includes(word)) &&
        (repository.isPrivate !== true || request.headers.authorization !== undefined) &&
        (searchParams.get('filter') !== 'safetensors' || [...files.keys()].some((name) => name.endsWith('.safetensors'))),
    );
    const entries = found.slice(0, Number(searchParams.get('limit') ?? 30)).map(({ repository, files }) => {
      const config = files.get('config.json');
      const all = {
        downloads: 1234,
        gated: repository.gated === true ? 'auto' : false,
        ...(config === undefined ? {} : { config: JSON.parse(config.bytes.toString()) as unknown }),
        ...(repository.parameters === undefined ? {} : { safetensors: { total: repository.parameters } }),
      };
      return { id: repository.name, ...Object.fromEntries(Object.entries(all).filter(([name]) => wanted.has(name))) };
    });
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(entries));
  }

  function sendInfo(response: ServerResponse, { repository, commit, files }: Known): void {
    const siblings = [...files.keys()].map((rfilename) => ({ rfilename }));
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify({ id: repository.name, sha: commit, private: repository.isPrivate === true, siblings }));
  }

  function sendTree(url: URL, response: ServerResponse, { files }: Known): void {
    const from = Number(url.searchParams.get('cursor') ?? 0);
    const entries = [...files].map(([path, { bytes, isLarge, oid, etag }]) => ({
      type: 'file',
      oid,
      size: bytes.length,
      ...(isLarge ? { lfs: { oid: etag, size: bytes.length, pointerSize: 134 } } : {}),
      path,
    }));
    const folders = [...new Set([...files.keys()].flatMap((name) => (name.includes('/') ? [name.replace(/\/[^/]*$/, '')] : [])))];
    const all = [...folders.map((path) => ({ type: 'directory', oid: '0'.repeat(40), size: 0, path })), ...entries];
    const next = new URL(url);
    next.searchParams.set('cursor', String(from + PAGE));
    response.writeHead(200, {
      'Content-Type': 'application/json',
      ...(from + PAGE < all.length ? { Link: `<${next.href}>; rel="next"` } : {}),
    });
    response.end(JSON.stringify(all.slice(from, from + PAGE)));
  }

  function sendFile(request: IncomingMessage, response: ServerResponse, { files, commit }: Known, path: string): void {
    const file = files.get(path);
    if (file === undefined) return refuse(response, 404, 'EntryNotFound', 'Entry not found');
    const headers = { 'X-Repo-Commit': commit, 'Accept-Ranges': 'bytes' };
    if (file.isLarge) {
      response.writeHead(302, {
        ...headers,
        'X-Linked-Etag': `"${file.etag}"`,
        'X-Linked-Size': file.bytes.length,
        // Another origin, to which no token may go.
        Location: `http://localhost:${(server.address() as AddressInfo).port}/cdn/${file.etag}`,
      });
      return void response.end();
    }
    response.writeHead(200, { ...headers, ETag: `"${file.etag}"`, 'Content-Length': file.bytes.length });
    response.end(request.method === 'HEAD' ? undefined : file.bytes);
  }

  function sendLarge(request: IncomingMessage, response: ServerResponse, etag: string): void {
    const bytes = [...known.values()].flatMap(({ files }) => [...files.values()]).find((file) => file.etag === etag)?.bytes;
    if (bytes === undefined) return refuse(response, 404);
    const [, begin, end] = faults.ignoresRanges === true ? [] : (/^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? []);
    const from = Number(begin ?? 0);
    const to = end === undefined || end === '' ? bytes.length : Math.min(Number(end) + 1, bytes.length);
    let part = bytes.subarray(from, to);
    if (faults.wrongBytes === true) {
      part = Buffer.from(part);
      part[0] = (part[0] ?? 0) ^ 1;
    }
    response.writeHead(begin === undefined ? 200 : 206, {
      'Content-Length': part.length,
      ETag: `"${etag}"`,
      ...(begin === undefined ? {} : { 'Content-Range': `bytes ${from}-${to - 1}/${bytes.length}` }),
    });
    if (request.method === 'HEAD') return void response.end();
    const cut = faults.cuts.shift();
    sent += faults.speed === undefined || cut !== undefined ? Math.min(cut ?? part.length, part.length) : 0;
    if (cut !== undefined) return void response.write(part.subarray(0, cut), () => setTimeout(() => response.destroy(), 20));
    if (faults.speed === undefined) return void response.end(part);
    const step = Math.max(1, Math.ceil(faults.speed / 50));
    let at = 0;
    const timer = setInterval(() => {
      if (response.destroyed) return clearInterval(timer);
      const some = part.subarray(at, at + step);
      response.write(some);
      at += step;
      sent += some.length;
      if (at < part.length) return;
      clearInterval(timer);
      response.end();
    }, 20);
  }

  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, () => resolve()));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const uploadSide = new UploadSide({ endpoint, find: model, keep }, TOKEN);
  return {
    endpoint,
    faults,
    uploads: uploadSide.uploads,
    model,
    asked,
    get sent() {
      return sent;
    },
    commit: (kind, name) => known.get(`${kind}/${name}`)?.commit ?? '',
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function commitOf(files: ReadonlyMap<string, Kept>): string {
  return createHash('sha1')
    .update(JSON.stringify([...files].map(([name, { etag }]) => [name, etag])))
    .digest('hex');
}

function kept(name: string, content: Buffer | string, isLarge = /\.(safetensors|parquet|arrow)$/.test(name)): Kept {
  const bytes = Buffer.from(content);
  const oid = gitHash(bytes);
  return { bytes, isLarge, oid, etag: isLarge ? sha256(bytes) : oid };
}
