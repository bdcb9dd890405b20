import { setTimeout as sleep } from 'node:timers/promises';
import { ConnectionError, type Network, type Refusal, type Reply, safeUrl, send } from '../download/index.js';
import { WishboneError } from '../errors.js';
import type { ChatMessage } from './question.js';
import type { AskOptions, EndpointJudge } from './request.js';

/** What came back for a question. */
export interface JudgeAnswer {
  readonly words: string;
  /** It ended at the limit of its tokens. */
  readonly cut: boolean;
  /** As the endpoint counts them; 0 where it does not say. */
  readonly input: number;
  readonly output: number;
}

/** Most characters of an answer, and of what of it is kept. */
const MOST_CHARACTERS = 4_000_000;
const MOST_WORDS = 20_000;
/** Tries where the server says that it is busy or broken, and where there is no connection at all. */
const TRIES = { status: 6, connection: 3 } as const;
const FIRST_RETRY = 1;
const LONGEST_RETRY = 30;
/** Seconds that are waited at a server's wish. */
const LONGEST_WISH = 90;

type Json = Readonly<Record<string, unknown>>;

/** Whether an address is on this machine. */
export function isLoopback(url: string): boolean {
  return URL.canParse(url) && ['localhost', '127.0.0.1', '[::1]'].includes(new URL(url).hostname);
}

/** An address as it is kept: without a query, which may hold anything. */
export function bareUrl(url: string): string {
  return URL.canParse(url) ? new URL(url).origin + new URL(url).pathname.replace(/\/+$/, '') : url;
}

/**
 * Chat Completions of an OpenAI-compatible endpoint, one answer a question
 * (https://platform.openai.com/docs/api-reference/chat/create).
 */
export class JudgeEndpoint {
  readonly #address: string;
  /** Newer models know the one name of the limit and older servers the other; some have no temperature. */
  #limitName: 'max_tokens' | 'max_completion_tokens' = 'max_tokens';
  #hasTemperature = true;
  /** All wait, when the server asks one to. */
  #notBefore = 0;

  /** @throws WishboneError for an address or a key that cannot be one */
  constructor(
    readonly judge: EndpointJudge,
    readonly options: AskOptions,
    readonly signal: AbortSignal,
  ) {
    this.#address = addressOf(judge.url);
    this.#bare(() => safeUrl(this.#address, this.#mayBePlain));
    if (options.key !== undefined && !/^[\x21-\x7e]+$/.test(options.key))
      throw new WishboneError('the key of the judge has characters that no key has', 'the key', 'give it again, without spaces and lines');
  }

  /**
   * @throws WishboneError when the endpoint refuses, is none, or cannot be reached after several tries; the signal's reason
   */
  async ask(messages: readonly ChatMessage[]): Promise<JudgeAnswer> {
    for (let failures = 0; ; ) {
      const wait = this.#notBefore - performance.now();
      if (wait > 0) await sleep(wait, undefined, { signal: this.signal }).catch(() => this.signal.throwIfAborted());
      this.signal.throwIfAborted();
      try {
        return this.#read(await this.#once(messages));
      } catch (error) {
        this.signal.throwIfAborted();
        if (error instanceof Adapted) continue;
        if (!(error instanceof ConnectionError)) throw error;
        failures++;
        await this.#pause(error, failures);
      }
    }
  }

  async #once(messages: readonly ChatMessage[]): Promise<Reply> {
    const { judge, options } = this;
    const body = {
      model: judge.model,
      messages,
      [this.#limitName]: judge.max_tokens,
      ...(this.#hasTemperature ? { temperature: 0 } : {}),
    };
    const milliseconds = options.timeout * 1000;
    const network: Network = { ...options.network, patience: milliseconds };
    const late = AbortSignal.timeout(milliseconds);
    try {
      const sent = {
        method: 'POST' as const,
        headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
        authorization: options.key === undefined ? undefined : `Bearer ${options.key}`,
        body: Buffer.from(JSON.stringify(body)),
        plain: this.#mayBePlain,
        most: MOST_CHARACTERS,
        refuse: (refusal: Refusal, text: string) => this.#refused(refusal, text),
      };
      return await send(this.#address, sent, network, AbortSignal.any([this.signal, late]));
    } catch (error) {
      if (late.aborted && !this.signal.aborted) throw new ConnectionError(`no whole answer came within ${options.timeout} s`);
      return this.#bare(() => {
        throw error;
      });
    }
  }

  /** A server of one's own may be without encryption, as long as there is no key for others to read. */
  get #mayBePlain(): boolean {
    return this.options.key === undefined;
  }

  /** Errors name the address without its query. */
  #bare<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof WishboneError) || !URL.canParse(error.where)) throw error;
      throw new WishboneError(error.what, bareUrl(error.where), error.advice, error.exitCode);
    }
  }

  async #pause(error: ConnectionError, failures: number): Promise<void> {
    const said = this.#said(error.answer ?? '');
    const isSpent = /insufficient_quota|billing/i.test(error.answer ?? '');
    const most = error.status === undefined ? TRIES.connection : TRIES.status;
    const wish = error.retryAfter;
    if (isSpent || failures >= most || (wish !== undefined && wish > LONGEST_WISH)) {
      const times = failures === 1 ? '' : ` (${failures} times)`;
      const until = wish !== undefined && wish > LONGEST_WISH ? `, and wants to be left alone for ${Math.ceil(wish)} s` : '';
      const what = `the judge cannot be asked: ${this.#clean(error.message)}${said === '' ? '' : `: ${said}`}${times}${until}`;
      const advice = isSpent
        ? 'look at the account there; what was judged is kept'
        : error.status === undefined
          ? 'check the address and the network; what was judged is kept, and is not asked again'
          : 'try again later; what was judged is kept, and is not asked again';
      throw new WishboneError(what, bareUrl(this.judge.url), advice);
    }
    const { retry = FIRST_RETRY } = this.options;
    const seconds = wish ?? Math.min(LONGEST_RETRY, retry * 2 ** (failures - 1)) * (0.75 + Math.random() / 4);
    const until = performance.now() + seconds * 1000;
    // A server that is busy is so for all; a connection that broke is one's own.
    if (error.status !== undefined) this.#notBefore = Math.max(this.#notBefore, until);
    else await sleep(seconds * 1000, undefined, { signal: this.signal }).catch(() => this.signal.throwIfAborted());
  }

  #refused({ status, statusText }: Refusal, text: string): Error {
    if (status === 400 && this.#adapt(text)) return new Adapted();
    const said = this.#said(text);
    const what = `the judge answered ${said === '' ? `${status} ${statusText}`.trim() : `${status}: ${said}`}`;
    const advice =
      status === 401 || status === 403
        ? this.options.key === undefined
          ? 'it wants a key: give one'
          : 'check the key, and what it may be used for'
        : status === 404
          ? `check the address, to which /chat/completions is added, and the model (${this.judge.model})`
          : status >= 300 && status < 400
            ? 'check the address: it leads elsewhere'
            : 'check the model and the limits of the request';
    return new WishboneError(what, bareUrl(this.judge.url), advice);
  }

  /** Whether the request can be made in another way that the server asks for. */
  #adapt(text: string): boolean {
    if (this.#limitName === 'max_tokens' && text.includes('max_completion_tokens')) {
      this.#limitName = 'max_completion_tokens';
      return true;
    }
    if (this.#hasTemperature && /temperature/i.test(text)) {
      this.#hasTemperature = false;
      return true;
    }
    return false;
  }

  #read({ text, headers }: Reply): JudgeAnswer {
    const value = parsed(text);
    const choice = first(value['choices']);
    const { content, refusal } = record(choice['message']);
    if (!Array.isArray(value['choices']) || value['choices'].length === 0 || typeof choice['message'] !== 'object') {
      const type = String(headers['content-type'] ?? '').split(';')[0]!;
      const what = `what answers is no OpenAI-compatible endpoint${type === '' || type === 'application/json' ? '' : ` (${this.#clean(type)})`}`;
      throw new WishboneError(what, bareUrl(this.judge.url), 'check the address; it often ends with /v1');
    }
    const usage = record(value['usage']);
    const tokens = (name: string): number => (Number.isSafeInteger(usage[name]) ? Math.max(0, usage[name] as number) : 0);
    const words = this.#clean(textOf(content) || textOf(refusal));
    return {
      // The verdict is at the end.
      words: words.length > MOST_WORDS ? `…${words.slice(-MOST_WORDS)}` : words,
      cut: choice['finish_reason'] === 'length',
      input: tokens('prompt_tokens'),
      output: tokens('completion_tokens'),
    };
  }

  /** What an error's answer says, in one line. */
  #said(text: string): string {
    const value = parsed(text);
    const error = value['error'];
    const message = typeof error === 'string' ? error : (record(error)['message'] ?? value['message'] ?? value['detail']);
    return typeof message === 'string' ? this.#clean(message).trim().split('\n')[0]!.slice(0, 300) : '';
  }

  /** Servers may repeat what they were sent. */
  #clean(text: string): string {
    const { key } = this.options;
    return key === undefined ? text : text.replaceAll(key, '[key]');
  }
}

/** The request is made again, in another way. */
class Adapted extends Error {}

/** @throws WishboneError for an address that no endpoint can have */
export function requireAddress(url: string): void {
  addressOf(url);
}

function addressOf(url: string): string {
  const wrong = (what: string, advice: string): WishboneError => new WishboneError(what, bareUrl(url).replace(/\/\/[^/@]*@/, '//'), advice);
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw wrong('the address of the judge cannot be read', 'write a full address, for example https://api.openai.com/v1');
  const parts = new URL(url);
  if (parts.username !== '' || parts.password !== '')
    throw wrong('the address of the judge has a name or a password in it', 'take it out, and give a key instead');
  parts.hash = '';
  parts.pathname = parts.pathname.replace(/\/+$/, '');
  if (!parts.pathname.endsWith('/chat/completions')) parts.pathname += '/chat/completions';
  return parts.href;
}

function parsed(text: string): Json {
  try {
    return record(JSON.parse(text));
  } catch {
    return {};
  }
}

/** A text, or the texts of a list of parts, as some servers have it. */
function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content
    .map((part) => record(part)['text'])
    .filter((text) => typeof text === 'string')
    .join('');
}

const record = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {});

const first = (value: unknown): Json => (Array.isArray(value) ? record(value[0]) : {});
