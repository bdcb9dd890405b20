import { createReadStream } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Body, ConnectionError, type Reply, send } from '../../download/index.js';
import { WishboneError } from '../../errors.js';
import { unreachable } from '../refusals.js';
import type { HubSettings } from '../settings.js';
import type { PushedFile } from './files.js';
import { noToken, pushRefusal } from './refusals.js';

const MOST_ATTEMPTS = 5;
const PAUSE_MILLISECONDS = 500;
const LONGEST_WAIT = 30;

/** A large file by the hash and the size that the hub keeps it by. */
export interface LargeFile extends PushedFile {
  readonly sha256: string;
}

/** Who a token belongs to. */
export interface Owner {
  readonly name: string;
}

/** Where `main` stands, and whether only its owner sees it. */
export interface Head {
  readonly commit: string | undefined;
  readonly isPrivate: boolean;
}

/** The hub's interface for uploading to one repository of models (huggingface_hub: `_commit_api.py`, `lfs.py`). */
export class PushClient {
  readonly #settings: HubSettings;
  readonly #token: string;
  readonly #signal: AbortSignal | undefined;

  /** @throws WishboneError without a token */
  constructor(settings: HubSettings, signal?: AbortSignal) {
    if (settings.token === undefined) throw noToken(settings);
    this.#settings = settings;
    this.#token = settings.token;
    this.#signal = signal;
  }

  async owner(): Promise<Owner> {
    const { name } = await this.#json('', 'GET', '/api/whoami-v2');
    if (typeof name !== 'string') throw this.#strange('it does not say whose the token is');
    return { name };
  }

  /** The repository as it is; undefined when there is none, or none that may be seen. */
  async head(name: string): Promise<Head | undefined> {
    try {
      const { sha, private: isPrivate } = await this.#json(name, 'GET', `/api/models/${name}/revision/main`);
      return { commit: typeof sha === 'string' ? sha : undefined, isPrivate: isPrivate === true };
    } catch (error) {
      if (error instanceof NotFound) return undefined;
      throw error;
    }
  }

  /** Makes a repository. @returns false when there was one already */
  async create(name: string, isPrivate: boolean): Promise<boolean> {
    const [organization, own] = name.split('/') as [string, string];
    try {
      await this.#json(name, 'POST', '/api/repos/create', { name: own, organization, visibility: isPrivate ? 'private' : 'public' });
      return true;
    } catch (error) {
      if (error instanceof Exists) return false;
      throw error;
    }
  }

  /** Which files the hub keeps as large ones. */
  async large(name: string, files: readonly (PushedFile & { readonly sample: string })[]): Promise<ReadonlySet<string>> {
    const asked = files.map(({ path, size, sample }) => ({ path, size, sample }));
    const { files: told } = await this.#json(name, 'POST', `/api/models/${name}/preupload/main`, { files: asked });
    if (!Array.isArray(told)) throw this.#strange('it does not say how to send the files');
    return new Set(
      (told as { path: string; uploadMode: string }[]).filter(({ uploadMode }) => uploadMode === 'lfs').map(({ path }) => path),
    );
  }

  /**
   * Sends large files that the hub does not have yet.
   *
   * @param onBytes is told of bytes as they go; less than none when some have to be sent again
   */
  async sendLarge(name: string, files: readonly LargeFile[], onBytes: (count: number) => void): Promise<void> {
    if (files.length === 0) return;
    const { objects } = await this.#json(
      name,
      'POST',
      `/${name}.git/info/lfs/objects/batch`,
      {
        operation: 'upload',
        transfers: ['basic', 'multipart'],
        hash_algo: 'sha256',
        ref: { name: 'main' },
        objects: files.map(({ sha256, size }) => ({ oid: sha256, size })),
      },
      'application/vnd.git-lfs+json',
    );
    if (!Array.isArray(objects)) throw this.#strange('it does not say where large files go');
    for (const file of files) {
      const object = (objects as LfsObject[]).find(({ oid }) => oid === file.sha256);
      if (object?.error !== undefined)
        throw new WishboneError(`the hub does not take the file: ${object.error.message}`, file.file, 'follow what it says');
      const { upload, verify } = object?.actions ?? {};
      if (upload === undefined) onBytes(file.size);
      else await this.#sendOne(name, file, upload, onBytes);
      if (verify !== undefined)
        await this.#post(name, verify.href, Buffer.from(JSON.stringify({ oid: file.sha256, size: file.size })), {
          ...verify.header,
          'Content-Type': 'application/vnd.git-lfs+json',
        });
    }
  }

  /** Adds files to `main` in one commit. @returns the commit */
  async commit(
    name: string,
    {
      summary,
      parent,
      small,
      large,
    }: {
      readonly summary: string;
      readonly parent: string | undefined;
      readonly small: readonly (PushedFile & { readonly content: Buffer })[];
      readonly large: readonly LargeFile[];
    },
  ): Promise<string> {
    const lines = [
      { key: 'header', value: { summary, description: '', ...(parent === undefined ? {} : { parentCommit: parent }) } },
      ...small.map(({ path, content }) => ({ key: 'file', value: { path, content: content.toString('base64'), encoding: 'base64' } })),
      ...large.map(({ path, sha256, size }) => ({ key: 'lfsFile', value: { path, algo: 'sha256', oid: sha256, size } })),
    ];
    const body = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    const reply = await this.#post(name, `${this.#settings.endpoint}/api/models/${name}/commit/main`, body, {
      'Content-Type': 'application/x-ndjson',
    });
    const { commitOid } = this.#parsed(reply.text);
    if (typeof commitOid !== 'string') throw this.#strange('it names no commit');
    return commitOid;
  }

  async #sendOne(name: string, file: LargeFile, { href, header = {} }: LfsAction, onBytes: (count: number) => void): Promise<void> {
    const chunk = Number(header['chunk_size']);
    if (!(chunk > 0)) {
      await this.#put(name, href, partOf(file, 0, file.size, onBytes), onBytes, header);
      return;
    }
    const urls = Object.entries(header)
      .filter(([key]) => /^\d+$/.test(key))
      .sort(([a], [b]) => Number(a) - Number(b));
    if (urls.length !== Math.ceil(file.size / chunk)) throw this.#strange('it has not one address for each part of a file');
    const parts: { partNumber: number; etag: string }[] = [];
    for (const [index, [, url]] of urls.entries()) {
      const size = Math.min(chunk, file.size - index * chunk);
      const { headers } = await this.#put(name, url, partOf(file, index * chunk, size, onBytes), onBytes, {});
      if (headers.etag === undefined) throw this.#strange('it does not confirm a part of a file');
      parts.push({ partNumber: index + 1, etag: headers.etag });
    }
    const body = Buffer.from(JSON.stringify({ oid: file.sha256, parts }));
    await this.#post(name, href, body, { 'Content-Type': 'application/vnd.git-lfs+json' }, 'no token');
  }

  /** Sends a part of a file, to an address that is its own permission: no token goes there. */
  #put(name: string, url: string, part: Part, onBytes: (count: number) => void, headers: Readonly<Record<string, string>>): Promise<Reply> {
    return this.#patiently(name, () => {
      onBytes(-part.sent());
      return send(url, { method: 'PUT', headers, body: part.body(), refuse: this.#refuse(name) }, this.#settings.network, this.#signal);
    });
  }

  #post(name: string, url: string, body: Buffer, headers: Readonly<Record<string, string>>, how?: 'no token'): Promise<Reply> {
    const isOwn = new URL(url).origin === new URL(this.#settings.endpoint).origin;
    const authorization = isOwn && how === undefined ? `Bearer ${this.#token}` : undefined;
    return this.#patiently(name, () =>
      send(url, { method: 'POST', headers, authorization, body, refuse: this.#refuse(name) }, this.#settings.network, this.#signal),
    );
  }

  async #json(
    name: string,
    method: 'GET' | 'POST',
    path: string,
    value?: object,
    type = 'application/json',
  ): Promise<Readonly<Record<string, unknown>>> {
    const body = value === undefined ? undefined : Buffer.from(JSON.stringify(value));
    const headers = { Accept: type, ...(body === undefined ? {} : { 'Content-Type': type }) };
    const { text } = await this.#patiently(name, () =>
      send(
        `${this.#settings.endpoint}${path}`,
        { method, headers, authorization: `Bearer ${this.#token}`, body, refuse: this.#refuse(name) },
        this.#settings.network,
        this.#signal,
      ),
    );
    return this.#parsed(text);
  }

  #parsed(text: string): Readonly<Record<string, unknown>> {
    try {
      const value: unknown = JSON.parse(text);
      if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
    } catch {
      // Said below.
    }
    throw this.#strange('its answer is not JSON');
  }

  readonly #refuse =
    (name: string) =>
    (refusal: Parameters<typeof pushRefusal>[2], text: string): Error => {
      if (refusal.status === 409) return new Exists();
      if (refusal.status === 404) return new NotFound(pushRefusal(this.#settings, name, refusal, text));
      return pushRefusal(this.#settings, name, refusal, text);
    };

  async #patiently(name: string, attempt: () => Promise<Reply>): Promise<Reply> {
    for (let attempts = 1; ; attempts++) {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof ConnectionError)) throw error;
        const wait = error.retryAfter ?? 0;
        if (attempts === MOST_ATTEMPTS || wait > LONGEST_WAIT)
          throw unreachable(this.#settings, { kind: 'model', name, revision: 'main' }, error);
        const options = this.#signal === undefined ? {} : { signal: this.#signal };
        await sleep(Math.max(PAUSE_MILLISECONDS * attempts, wait * 1000), undefined, options).catch(() => this.#signal?.throwIfAborted());
      }
    }
  }

  #strange(why: string): WishboneError {
    return new WishboneError(`this is not how the hub answers: ${why}`, this.#settings.endpoint, 'check HF_ENDPOINT and the proxy');
  }
}

interface LfsAction {
  readonly href: string;
  readonly header?: Readonly<Record<string, string>>;
}

interface LfsObject {
  readonly oid: string;
  readonly actions?: { readonly upload?: LfsAction; readonly verify?: LfsAction };
  readonly error?: { readonly message: string };
}

/** There is something of the name already. */
class Exists extends Error {}

class NotFound extends WishboneError {
  constructor({ what, where, advice }: WishboneError) {
    super(what, where, advice);
  }
}

interface Part {
  body(): Body;
  /** Bytes that were sent in an attempt before; none after that. */
  sent(): number;
}

function partOf({ file }: PushedFile, begin: number, size: number, onBytes: (count: number) => void): Part {
  let sent = 0;
  return {
    sent: () => {
      const before = sent;
      sent = 0;
      return before;
    },
    body: () =>
      size === 0
        ? new Uint8Array()
        : {
            size,
            open: () => {
              const stream = createReadStream(file, { start: begin, end: begin + size - 1, highWaterMark: 1 << 18 });
              stream.on('data', (chunk) => {
                sent += chunk.length;
                onBytes(chunk.length);
              });
              return stream;
            },
          },
  };
}
