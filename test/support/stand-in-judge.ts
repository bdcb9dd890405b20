// An OpenAI-compatible endpoint on loopback that judges as it is told to, and fails as it is told to.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a judge is shown. */
export interface Question {
  readonly prompt: string;
  readonly a: string;
  readonly b: string;
  /** The request, as it came. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly authorization: string | undefined;
  /** Its number, from 1. */
  readonly number: number;
}

/** An answer that is none of a judge's. */
export interface RawAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly text: string;
}

/** The judge's words, an answer of another kind, or one that never comes. */
export type Judged = string | { readonly words: string; readonly finish: string } | RawAnswer | 'silent';

export interface StandInJudge {
  /** As it is named on the command line. */
  readonly url: string;
  readonly questions: Question[];
  judge: (question: Question) => Judged | Promise<Judged>;
  /** Requests that were under way together, at most. */
  readonly most: number;
  stop(): Promise<void>;
}

/** The longer text is better; of the same length, it is a tie. */
const longerIsBetter = ({ a, b }: Question): string =>
  a.length === b.length ? 'They are of one length.\ntie' : `One of them says more.\n${a.length > b.length ? 'A' : 'B'}`;

/** @param key without which requests are refused */
export async function standInJudge(judge: StandInJudge['judge'] = longerIsBetter, key?: string): Promise<StandInJudge> {
  const questions: Question[] = [];
  let [now, most] = [0, 0];
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const send = (status: number, value: object): void => {
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
    };
    if (request.method !== 'POST' || request.url !== '/v1/chat/completions') return send(404, { error: { message: 'Not Found' } });
    const { authorization } = request.headers;
    if (key !== undefined && authorization !== `Bearer ${key}`)
      return send(401, { error: { message: `Incorrect API key provided: ${(authorization ?? '').replace('Bearer ', '')}.` } });
    const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Record<string, unknown>;
    const { content } = (body['messages'] as { content: string }[]).at(-1)!;
    const between = (name: string): string => new RegExp(`^<<< ${name} (\\w+)\\n([^]*)\\n${name} \\1 >>>$`, 'm').exec(content)?.[2] ?? '';
    const question = {
      ...{ prompt: between('PROMPT'), a: between('ANSWER A'), b: between('ANSWER B') },
      ...{ body, authorization, number: questions.length + 1 },
    };
    questions.push(question);
    const said = await standing.judge(question);
    if (said === 'silent') return;
    if (typeof said === 'object' && 'text' in said) {
      response.writeHead(said.status ?? 200, { 'Content-Type': 'application/json', ...said.headers }).end(said.text);
      return;
    }
    const { words, finish } = typeof said === 'string' ? { words: said, finish: 'stop' } : said;
    send(200, {
      object: 'chat.completion',
      model: body['model'],
      choices: [{ index: 0, message: { role: 'assistant', content: words }, finish_reason: finish }],
      usage: { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 },
    });
  };
  const server = createServer((request, response) => {
    most = Math.max(most, ++now);
    response.on('close', () => now--);
    handle(request, response).catch(() => response.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const standing: StandInJudge = {
    url: `http://127.0.0.1:${port}/v1`,
    questions,
    judge,
    get most() {
      return most;
    },
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return standing;
}
