// As much of a W&B server as the real `wandb sync` asks for, on loopback: it keeps what is uploaded.
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';

export interface UploadedRun {
  /** Rows by their place. */
  readonly history: Map<number, Readonly<Record<string, unknown>>>;
  readonly files: Map<string, string>;
  /** What the run is asked to be made with. */
  asked: Readonly<Record<string, unknown>>;
  exitCode: number | undefined;
}

export interface StandInWandb {
  readonly url: string;
  /** By the run's id. */
  readonly runs: Map<string, UploadedRun>;
  stop(): Promise<void>;
}

export async function standInWandb(): Promise<StandInWandb> {
  const runs = new Map<string, UploadedRun>();
  const runOf = (id: string): UploadedRun => {
    const found = runs.get(id) ?? { history: new Map(), files: new Map(), asked: {}, exitCode: undefined };
    runs.set(id, found);
    return found;
  };
  const bodyOf = async (request: IncomingMessage): Promise<string> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const bytes = Buffer.concat(chunks);
    return (request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString();
  };
  const graphql = ({ query, variables }: { query: string; variables: Record<string, unknown> }): object => {
    if (query.includes('upsertBucket')) {
      const id = String(variables['name']);
      // An update says what has changed alone.
      runOf(id).asked = { ...runOf(id).asked, ...Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== null)) };
      const project = { id: 'p1', name: variables['project'], entity: { id: 'e1', name: 'me' } };
      return {
        upsertBucket: {
          inserted: true,
          bucket: { id: 'b1', name: id, displayName: variables['displayName'], project, historyLineCount: 0 },
        },
      };
    }
    if (query.includes('createRunFiles')) {
      const names = variables['files'] as string[];
      const files = names.map((name) => ({ name, uploadUrl: `${stand.url}/upload/${String(variables['run'])}/${name}` }));
      return { createRunFiles: { runID: 'b1', uploadHeaders: [], files } };
    }
    if (query.includes('viewer'))
      return { viewer: { id: 'u1', entity: 'me', username: 'me', email: '', flags: '{}', teams: { edges: [] } } };
    return {};
  };
  const answer = async (request: IncomingMessage): Promise<object> => {
    const body = await bodyOf(request);
    const [, first, ...rest] = (request.url ?? '').split('/');
    if (first === 'graphql') return { data: graphql(JSON.parse(body) as Parameters<typeof graphql>[0]) };
    if (first === 'upload') runOf(rest[0] ?? '').files.set(rest.slice(1).join('/'), body);
    if (rest.at(-1) === 'file_stream') {
      const run = runOf(rest.at(-2) ?? '');
      const { files, exitcode, complete } = JSON.parse(body) as {
        files?: Record<string, { offset: number; content: string[] }>;
        exitcode?: number;
        complete?: boolean;
      };
      const { offset, content } = files?.['wandb-history.jsonl'] ?? { offset: 0, content: [] };
      content.forEach((line, index) => run.history.set(offset + index, JSON.parse(line) as Record<string, unknown>));
      if (complete === true) run.exitCode = exitcode;
    }
    return {};
  };
  const server = createServer((request, response) => {
    void answer(request).then(
      (value) => response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(value)),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stand: StandInWandb = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    runs,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return stand;
}
