import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import http from 'node:http';
import https from 'node:https';
import { WishboneError } from '../errors.js';

/** How the network is reached. */
export interface Network {
  /** Address of a proxy for everything; empty or absent: the environment's (`HTTPS_PROXY`, `NO_PROXY`), if any. */
  readonly proxy?: string | undefined;
  /** The proxy's `Proxy-Authorization`, where it wants one. */
  readonly proxyAuthorization?: string | undefined;
  /** Milliseconds without a byte after which a connection counts as cut. */
  readonly patience?: number | undefined;
}

export const PATIENCE_MILLISECONDS = 30_000;
const MOST_REDIRECTS = 5;

/** The connection was refused, cut, or fell silent: trying again may help. */
export class ConnectionError extends Error {
  constructor(
    message: string,
    /** What the server answered, when it did. */
    readonly status?: number,
    /** Seconds that the server asks to be left alone for. */
    readonly retryAfter?: number,
    /** What came with the status, where it was read. */
    readonly answer?: string,
  ) {
    super(message);
  }
}

/** An answer that says no, and will say it again. */
export interface Refusal {
  readonly status: number;
  readonly statusText: string;
  readonly headers: IncomingHttpHeaders;
  readonly url: URL;
}

/** What is said beside the address. */
export interface Ask {
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Value of `Authorization`; goes to the address's own host alone, wherever that redirects to. */
  readonly authorization?: string | undefined;
  /** The error for an answer that says no; by default one that names the status. */
  readonly refuse?: ((refusal: Refusal) => Error) | undefined;
}

/**
 * Asks for an address, following redirects. What comes back has a status of 200 or 206.
 *
 * @throws ConnectionError, what `refuse` makes of an answer that says no, the signal's reason
 */
export async function get(
  address: string,
  { headers, authorization, refuse = refused }: Ask,
  network: Network,
  signal?: AbortSignal,
): Promise<IncomingMessage> {
  const first = safeUrl(address);
  let url = first;
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
    const own = authorization === undefined || url.origin !== first.origin ? {} : { Authorization: authorization };
    const response = await once(url, { ...headers, ...own }, network, signal);
    const { statusCode = 0, statusMessage = '', headers: answer } = response;
    if (statusCode === 200 || statusCode === 206) return response;
    response.on('error', () => undefined).resume();
    if ([301, 302, 303, 307, 308].includes(statusCode) && answer.location !== undefined) {
      url = safeUrl(new URL(answer.location, url).href);
      continue;
    }
    if (statusCode >= 500 || statusCode === 429) {
      throw new ConnectionError(`the server answered ${statusCode}`, statusCode, retryAfter(answer));
    }
    if (statusCode === 407) {
      const advice = 'set http.proxyAuthorization, or the name and password in the proxy’s address';
      throw new WishboneError('the proxy answered 407: it wants a name and a password', url.host, advice);
    }
    throw refuse({ status: statusCode, statusText: statusMessage, headers: answer, url });
  }
  throw new WishboneError('the server redirects in circles', address, 'check the address');
}

/** Seconds that `Retry-After` names, by themselves or as a date (RFC 9110, 10.2.3). */
export function retryAfter({ 'retry-after': said }: IncomingHttpHeaders, now = Date.now()): number | undefined {
  if (said === undefined) return undefined;
  if (/^\s*\d+(\.\d+)?\s*$/.test(said)) return Number(said);
  const date = Date.parse(said);
  return Number.isNaN(date) ? undefined : Math.max(0, (date - now) / 1000);
}

function refused({ status, statusText, url }: Refusal): Error {
  return new WishboneError(`the server answered ${status} ${statusText}`.trim(), url.href, 'check the address');
}

/** The whole text of an answer. @param from what answered, for errors */
export async function readText(response: IncomingMessage, most: number, from: string): Promise<string> {
  response.setEncoding('utf8');
  let text = '';
  try {
    for await (const chunk of response) {
      text += chunk as string;
      if (text.length > most) throw new WishboneError('the answer is too long', from, 'check the address');
    }
  } catch (error) {
    if (error instanceof WishboneError) throw error;
    throw new ConnectionError((error as Error).message);
  }
  return text;
}

/**
 * What is fetched is run: nobody on the way may change it, nor the hash that it is checked by.
 *
 * @param plain it is no such thing, and goes where somebody has named an address without encryption
 */
export function safeUrl(address: string, plain = false): URL {
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    throw new WishboneError('the address cannot be read', address, 'write a full address that begins with https://');
  }
  const loopback = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (url.protocol === 'https:' || (url.protocol === 'http:' && (loopback || plain))) return url;
  throw new WishboneError('the address is not encrypted', url.href, 'use one that begins with https://');
}

async function once(url: URL, headers: Readonly<Record<string, string>>, network: Network, signal?: AbortSignal): Promise<IncomingMessage> {
  const agent = await agentFor(url, network);
  const { request } = url.protocol === 'https:' ? https : http;
  const patience = network.patience ?? PATIENCE_MILLISECONDS;
  return new Promise((resolve, reject) => {
    const asked = request(
      url,
      {
        headers: { 'User-Agent': 'wishbone', ...headers },
        ...(agent === undefined ? {} : { agent }),
        ...(signal === undefined ? {} : { signal }),
      },
      resolve,
    );
    asked.setTimeout(patience, () => asked.destroy(new Error(`nothing came for ${patience / 1000} s`)));
    asked.on('error', (error: NodeJS.ErrnoException) => {
      if (signal?.aborted === true) reject(signal.reason as Error);
      else reject(new ConnectionError(`${url.host}: ${error.message}`));
    });
    asked.end();
  });
}

export async function agentFor(url: URL, { proxy = '', proxyAuthorization }: Network): Promise<http.Agent | undefined> {
  const address = proxy !== '' ? proxy : environmentProxy(url);
  if (address === undefined) return undefined;
  // Few are behind one.
  const { HttpsProxyAgent } = await import('https-proxy-agent');
  try {
    return new HttpsProxyAgent(address, proxyAuthorization === undefined ? {} : { headers: { 'Proxy-Authorization': proxyAuthorization } });
  } catch {
    throw new WishboneError('the address of the proxy cannot be read', address, 'write it as http://host:port');
  }
}

/** The proxy that the environment names for an address, as curl takes it. */
export function environmentProxy({ protocol, hostname }: URL, env: NodeJS.ProcessEnv = process.env): string | undefined {
  const value = (name: string): string | undefined => env[name.toLowerCase()] || env[name.toUpperCase()] || undefined;
  const exceptions = (value('no_proxy') ?? '').split(',').map((entry) =>
    entry
      .trim()
      .replace(/^\*?\./, '')
      .toLowerCase(),
  );
  const host = hostname.toLowerCase();
  if (exceptions.some((entry) => entry === '*' || (entry !== '' && (host === entry || host.endsWith(`.${entry}`))))) return undefined;
  return (protocol === 'https:' ? value('https_proxy') : env['http_proxy']) ?? value('all_proxy');
}
