import type { IncomingHttpHeaders } from 'node:http';
import http from 'node:http';
import https from 'node:https';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { agentFor, ConnectionError, type Network, PATIENCE_MILLISECONDS, readText, type Refusal, retryAfter, safeUrl } from './http.js';

/** What is sent: bytes, or a stream of as many as are said, which can be opened again. */
export type Body = Uint8Array | { readonly size: number; open(): Readable };

/** What is sent to an address. */
export interface Sent {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly authorization?: string | undefined;
  readonly body?: Body | undefined;
  /** An address without encryption will do. */
  readonly plain?: boolean | undefined;
  /** Most characters of an answer; longer ones are refused. */
  readonly most?: number | undefined;
  /** The error for an answer that says no. */
  refuse(refusal: Refusal, text: string): Error;
}

/** What came back; its status is 2xx. */
export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

const MOST_CHARACTERS = 16_000_000;
const MOST_REDIRECTS = 5;

/**
 * Sends something, once, and follows redirects that keep the method, within one host.
 *
 * @throws ConnectionError, what `refuse` makes of an answer that says no, the signal's reason
 */
export async function send(address: string, sent: Sent, network: Network, signal?: AbortSignal): Promise<Reply> {
  let url = safeUrl(address, sent.plain);
  for (let redirects = 0; ; redirects++) {
    const { status, statusText, headers, text } = await once(url, sent, network, signal);
    if (status >= 200 && status < 300) return { status, headers, text };
    const next = headers.location === undefined ? undefined : safeUrl(new URL(headers.location, url).href, sent.plain);
    if ([307, 308].includes(status) && next?.origin === url.origin && redirects < MOST_REDIRECTS) {
      url = next;
      continue;
    }
    if (status >= 500 || status === 429) {
      throw new ConnectionError(`the server answered ${status}`, status, retryAfter(headers), text);
    }
    throw sent.refuse({ status, statusText, headers, url }, text);
  }
}

async function once(
  url: URL,
  { method, headers, authorization, body, most = MOST_CHARACTERS }: Sent,
  network: Network,
  signal: AbortSignal | undefined,
): Promise<Reply & { readonly statusText: string }> {
  const agent = await agentFor(url, network);
  const { request } = url.protocol === 'https:' ? https : http;
  const patience = network.patience ?? PATIENCE_MILLISECONDS;
  const size = body instanceof Uint8Array ? body.length : body?.size;
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    const failed = (error: Error): void =>
      reject(signal?.aborted === true ? (signal.reason as Error) : new ConnectionError(`${url.host}: ${error.message}`));
    const asked = request(
      url,
      {
        method,
        headers: {
          'User-Agent': 'wishbone',
          ...headers,
          ...(authorization === undefined ? {} : { Authorization: authorization }),
          ...(size === undefined ? {} : { 'Content-Length': String(size) }),
        },
        ...(agent === undefined ? {} : { agent }),
        ...(signal === undefined ? {} : { signal }),
      },
      resolve,
    );
    asked.setTimeout(patience, () => asked.destroy(new Error(`nothing came for ${patience / 1000} s`)));
    asked.on('error', failed);
    if (body === undefined || body instanceof Uint8Array) asked.end(body);
    else pipeline(body.open(), asked).catch(failed);
  });
  const { statusCode: status = 0, statusMessage: statusText = '' } = response;
  try {
    return { status, statusText, headers: response.headers, text: await readText(response, most, url.href) };
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
