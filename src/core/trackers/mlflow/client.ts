import { WishboneError } from '../../errors.js';
import { type Network, type Refusal, send } from '../../download/index.js';

/** What the server says no by, in its own word (`error_code`). */
export class MlflowRefusal extends WishboneError {
  constructor(
    readonly code: string,
    readonly status: number,
    what: string,
    where: string,
    advice: string,
  ) {
    super(what, where, advice);
  }
}

type Json = Readonly<Record<string, unknown>>;

/** MLflow's REST interface, version 2.0: https://mlflow.org/docs/latest/rest-api.html. */
export class MlflowClient {
  /** @param authorization value of the header, if any */
  constructor(
    readonly uri: string,
    readonly authorization: string | undefined,
    readonly network: Network,
    readonly signal: AbortSignal,
  ) {}

  get(path: string, query: Readonly<Record<string, string>>): Promise<Json> {
    return this.#json('GET', `mlflow/${path}?${new URLSearchParams(query).toString()}`);
  }

  post(path: string, body: Json): Promise<Json> {
    return this.#json('POST', `mlflow/${path}`, Buffer.from(JSON.stringify(body)));
  }

  /** Uploads to a store that the server itself keeps. @param path below its root */
  async putArtifact(path: string, body: Buffer): Promise<void> {
    const encoded = path.split('/').map(encodeURIComponent).join('/');
    await this.#send('PUT', `mlflow-artifacts/artifacts/${encoded}`, body, 'application/octet-stream');
  }

  async #json(method: 'GET' | 'POST', path: string, body?: Buffer): Promise<Json> {
    const text = await this.#send(method, path, body, 'application/json');
    try {
      const value: unknown = JSON.parse(text === '' ? '{}' : text);
      if (typeof value === 'object' && value !== null) return value as Json;
    } catch {
      // Said below.
    }
    throw new WishboneError('what answers is no MLflow server', this.uri, 'check MLFLOW_TRACKING_URI');
  }

  async #send(method: 'GET' | 'POST' | 'PUT', path: string, body: Buffer | undefined, type: string): Promise<string> {
    const sent = {
      method,
      body,
      headers: body === undefined ? {} : { 'Content-Type': type },
      authorization: this.authorization,
      plain: true,
      refuse: (refusal: Refusal, text: string) => this.#refused(refusal, text),
    };
    return (await send(`${this.uri}/api/2.0/${path}`, sent, this.network, this.signal)).text;
  }

  #refused({ status, statusText }: Refusal, text: string): MlflowRefusal {
    const { error_code = '', message = '' } = errorOf(text);
    const said = message === '' ? `${status} ${statusText}`.trim() : `${status}: ${message.split('\n')[0]?.slice(0, 300) ?? ''}`;
    const advice =
      status === 401 || status === 403
        ? 'set MLFLOW_TRACKING_URI with MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, to what the server wants'
        : status === 404 && error_code === ''
          ? 'check MLFLOW_TRACKING_URI: no MLflow server is there'
          : 'mend it there; `wishbone track` sends what is left';
    return new MlflowRefusal(error_code, status, `MLflow answered ${said}`, this.uri, advice);
  }
}

function errorOf(text: string): { readonly error_code?: string; readonly message?: string } {
  try {
    const value = (JSON.parse(text) ?? {}) as Json;
    const word = (name: string): string => (typeof value[name] === 'string' ? (value[name] as string) : '');
    return { error_code: word('error_code'), message: word('message') };
  } catch {
    return {};
  }
}
