import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** What the stand-in hub takes in; may be changed while it runs. */
export interface Uploads {
  /** Users and organisations that the token may write to, the owner first. */
  owners: string[];
  /** Large files above this are sent in parts of it. */
  partBytes: number;
  /** Bytes of a large file after which its connection is cut, for one request each. */
  cuts: number[];
  /** New repositories are public, whatever was asked for. */
  ignoresVisibility?: boolean;
  /** Bytes a second that large files are taken in with, about. */
  speed?: number;
  /** Large files that were sent, by SHA-256; addresses that got none of a token. */
  readonly objects: Map<string, Buffer>;
  /** Values of `Authorization` that came with large files; there must be none. */
  readonly tokensSent: string[];
  /** SHA-256 of files that were asked to be checked after they were sent. */
  readonly verified: string[];
}

/** A repository that was made or changed. */
export interface Changed {
  readonly name: string;
  readonly isPrivate: boolean;
  readonly files: ReadonlyMap<string, { readonly bytes: Buffer; readonly isLarge: boolean }>;
}

interface Hub {
  readonly endpoint: string;
  find(name: string): Changed | undefined;
  keep(repository: Changed): string;
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** The hub's interface for uploading to repositories of models, as huggingface_hub uses it. */
export class UploadSide {
  readonly uploads: Uploads = { owners: ['wish'], partBytes: Infinity, cuts: [], objects: new Map(), tokensSent: [], verified: [] };
  readonly #hub: Hub;
  readonly #token: string;
  readonly #parts = new Map<string, Map<number, Buffer>>();

  constructor(hub: Hub, token: string) {
    this.#hub = hub;
    this.#token = token;
  }

  /** Answers what is about uploading. @returns false when it is not */
  answer(request: IncomingMessage, response: ServerResponse, url: URL): boolean {
    const { method, headers } = request;
    const path = decodeURIComponent(url.pathname);
    const put = /^\/upload\/([0-9a-f]{64})(?:\/(\d+))?$/.exec(path);
    if (put !== null) {
      if (headers.authorization !== undefined) this.uploads.tokensSent.push(headers.authorization);
      void this.#take(request, response, put[1]!, put[2]);
      return true;
    }
    // An address that is its own permission, too.
    const complete = /^\/complete\/([0-9a-f]{64})$/.exec(path);
    if (complete !== null) {
      if (headers.authorization !== undefined) this.uploads.tokensSent.push(headers.authorization);
      void bodyOf(request).then((body) => this.#complete(response, complete[1]!, json<Completion>(body)));
      return true;
    }
    const isAsked = (method === 'GET' && path === '/api/whoami-v2') || method === 'POST';
    if (!isAsked) return false;
    if (headers.authorization !== `Bearer ${this.#token}`) {
      const message = headers.authorization === undefined ? 'Invalid username or password.' : 'Invalid credentials in Authorization header';
      refuse(response, 401, message);
      return true;
    }
    if (path === '/api/whoami-v2')
      reply(response, { type: 'user', name: this.uploads.owners[0], orgs: this.uploads.owners.slice(1).map((name) => ({ name })) });
    else void bodyOf(request).then((body) => this.#post(response, path, body));
    return true;
  }

  #post(response: ServerResponse, path: string, body: Buffer): void {
    if (path === '/api/repos/create') return this.#create(response, json(body));
    const [, name = '', what = ''] = /^\/(?:api\/models\/)?([^/]+\/[^/]+?)(?:\.git)?\/(.+)$/.exec(path) ?? [];
    const repository = this.#hub.find(name);
    if (repository === undefined) return refuse(response, 404, 'Repository not found');
    if (!this.uploads.owners.includes(name.split('/')[0]!)) return refuse(response, 403, "You don't have the rights to write here.");
    if (what === 'preupload/main') {
      const { files } = json(body) as { files: { path: string; size: number; sample: string }[] };
      for (const { sample, size } of files)
        if (Buffer.from(sample, 'base64').length !== Math.min(size, 512)) return refuse(response, 400, 'no sample');
      const isLarge = ({ path: file, size }: { path: string; size: number }): boolean =>
        size > 10_000_000 || /\.(safetensors|gguf|model)$/.test(file);
      return reply(response, {
        files: files.map((file) => ({ path: file.path, uploadMode: isLarge(file) ? 'lfs' : 'regular', shouldIgnore: false })),
      });
    }
    if (what === 'info/lfs/objects/batch') return this.#batch(response, name, json(body) as { objects: { oid: string; size: number }[] });
    if (what === 'verify') {
      const { oid, size } = json(body) as { oid: string; size: number };
      if (this.uploads.objects.get(oid)?.length !== size) return refuse(response, 400, 'not what was promised');
      this.uploads.verified.push(oid);
      return reply(response, {});
    }
    if (what === 'commit/main') return this.#commit(response, repository, body);
    refuse(response, 404, 'Not found');
  }

  #create(response: ServerResponse, asked: Readonly<Record<string, unknown>>): void {
    const { organization = this.uploads.owners[0], name, visibility = 'public', type = 'model' } = asked;
    const full = `${String(organization)}/${String(name)}`;
    if (type !== 'model') return refuse(response, 400, 'only models here');
    if (!this.uploads.owners.includes(String(organization)))
      return refuse(response, 403, `You don't have the rights to create a model under the namespace "${String(organization)}"`);
    if (this.#hub.find(full) !== undefined) return refuse(response, 409, 'You already created this model repo');
    this.#hub.keep({
      name: full,
      isPrivate: visibility === 'private' && this.uploads.ignoresVisibility !== true,
      files: new Map([['.gitattributes', { bytes: Buffer.from('*'), isLarge: false }]]),
    });
    reply(response, { url: `${this.#hub.endpoint}/${full}`, name: full });
  }

  #batch(response: ServerResponse, name: string, { objects }: { objects: { oid: string; size: number }[] }): void {
    const { endpoint } = this.#hub;
    // Another origin, to which no token may go.
    const store = endpoint.replace('127.0.0.1', 'localhost');
    const actions = ({ oid, size }: { oid: string; size: number }): object => {
      if (this.uploads.objects.has(oid)) return {};
      const verify = { href: `${endpoint}/${name}/verify`, header: { Authorization: `Bearer ${this.#token}` } };
      const { partBytes } = this.uploads;
      if (size <= partBytes) return { actions: { upload: { href: `${store}/upload/${oid}` }, verify } };
      const parts = Array.from({ length: Math.ceil(size / partBytes) }, (_, i) => [
        String(i + 1).padStart(5, '0'),
        `${store}/upload/${oid}/${i + 1}`,
      ]);
      const header = { chunk_size: String(partBytes), ...Object.fromEntries(parts) } as Record<string, string>;
      return { actions: { upload: { href: `${endpoint}/complete/${oid}`, header }, verify } };
    };
    reply(response, { transfer: 'multipart', objects: objects.map((object) => ({ ...object, ...actions(object) })) });
  }

  async #take(request: IncomingMessage, response: ServerResponse, oid: string, part: string | undefined): Promise<void> {
    const cut = this.uploads.cuts.shift();
    const chunks: Buffer[] = [];
    let length = 0;
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) {
        chunks.push(chunk);
        length += chunk.length;
        if (cut !== undefined && length >= cut) return void request.destroy();
        if (this.uploads.speed !== undefined) await new Promise((done) => setTimeout(done, (1000 * chunk.length) / this.uploads.speed!));
      }
    } catch {
      return;
    }
    const bytes = Buffer.concat(chunks);
    if (part === undefined) {
      if (sha256(bytes) !== oid) return refuse(response, 400, 'other bytes than promised');
      this.uploads.objects.set(oid, bytes);
    } else {
      this.#parts.set(oid, (this.#parts.get(oid) ?? new Map<number, Buffer>()).set(Number(part), bytes));
    }
    response.writeHead(200, { ETag: `"${sha256(bytes).slice(0, 32)}"` }).end();
  }

  #complete(response: ServerResponse, oid: string, { parts }: Completion): void {
    const sent = this.#parts.get(oid) ?? new Map<number, Buffer>();
    const isRight =
      parts.length === sent.size &&
      parts.every(({ partNumber, etag }) => etag === `"${sha256(sent.get(partNumber) ?? Buffer.alloc(0)).slice(0, 32)}"`);
    const bytes = Buffer.concat(parts.map(({ partNumber }) => sent.get(partNumber) ?? Buffer.alloc(0)));
    if (!isRight || sha256(bytes) !== oid) return refuse(response, 400, 'other parts than were sent');
    this.uploads.objects.set(oid, bytes);
    reply(response, {});
  }

  #commit(response: ServerResponse, repository: Changed, body: Buffer): void {
    const lines = body
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { key: string; value: Record<string, unknown> });
    if (lines[0]?.key !== 'header' || typeof lines[0].value['summary'] !== 'string') return refuse(response, 400, 'no header');
    const files = new Map(repository.files);
    for (const { key, value } of lines.slice(1)) {
      const path = String(value['path']);
      if (key === 'file') files.set(path, { bytes: Buffer.from(String(value['content']), 'base64'), isLarge: false });
      else if (key === 'lfsFile') {
        const bytes = this.uploads.objects.get(String(value['oid']));
        if (bytes === undefined || bytes.length !== value['size']) return refuse(response, 400, `${path} was not sent`);
        files.set(path, { bytes, isLarge: true });
      } else return refuse(response, 400, `unknown: ${key}`);
    }
    const commitOid = this.#hub.keep({ ...repository, files });
    reply(response, { success: true, commitOid, commitUrl: `${this.#hub.endpoint}/${repository.name}/commit/${commitOid}` });
  }
}

interface Completion {
  readonly parts: readonly { readonly partNumber: number; readonly etag: string }[];
}

function reply(response: ServerResponse, value: object): void {
  response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify({ error: message }));
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const json = <T = Record<string, unknown>>(body: Buffer): T => JSON.parse(body.toString()) as T;
