// The part of MLflow's REST interface that Wishbone uses, with its limits, on loopback; it fails as it is told to.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface StandInRun {
  readonly id: string;
  readonly experiment: string;
  name: string;
  status: string;
  /** Of every change of it. */
  readonly statuses: string[];
  end: number | undefined;
  deleted: boolean;
  readonly parameters: Map<string, string>;
  readonly tags: Map<string, string>;
  /** What is the same is there once, as in MLflow's database. */
  readonly metrics: Map<string, { key: string; value: number | string; step: number; timestamp: number }>;
}

/**
 * What becomes of a request: it is answered by a status and not carried out, the connection is cut before or after it is carried out, or
 * nothing ever comes back.
 */
export type Fault =
  | { readonly status: number; readonly retryAfter?: number; readonly body?: object }
  | 'cut before'
  | 'cut after'
  | 'silent';

export interface StandInMlflow {
  readonly uri: string;
  readonly experiments: Map<string, { id: string; name: string; deleted: boolean }>;
  readonly runs: StandInRun[];
  readonly artifacts: Map<string, string>;
  /** Bodies and headers of all requests, as text. */
  readonly heard: string[];
  /** Paths of all requests. */
  readonly paths: string[];
  /** Decides before each request. */
  fault: (path: string, body: Record<string, unknown>, count: number) => Fault | undefined;
  /** Milliseconds before each answer. */
  delay: number;
  /** Goes away; `port` may be listened on again. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

type Body = Record<string, unknown>;
type Pairs = { key: string; value: string }[];

export async function standInMlflow(options: { authorization?: string; artifacts?: string } = {}): Promise<StandInMlflow> {
  const experiments: StandInMlflow['experiments'] = new Map();
  const runs: StandInRun[] = [];
  let count = 0;
  const runOf = (body: Body): StandInRun => {
    const found = runs.find(({ id }) => id === body['run_id']);
    if (found === undefined) throw new Refused(404, 'RESOURCE_DOES_NOT_EXIST', `Run with id=${String(body['run_id'])} not found`);
    return found;
  };
  const told = (run: StandInRun): object => ({
    info: {
      run_id: run.id,
      experiment_id: run.experiment,
      status: run.status,
      lifecycle_stage: run.deleted ? 'deleted' : 'active',
      artifact_uri: `${options.artifacts ?? 'mlflow-artifacts:'}/${run.experiment}/${run.id}/artifacts`,
    },
    data: { params: [...run.parameters].map(([key, value]) => ({ key, value })) },
  });
  const calls: Record<string, (body: Body) => object> = {
    'experiments/get-by-name': ({ experiment_name }) => {
      const found = [...experiments.values()].find(({ name }) => name === experiment_name);
      if (found === undefined) throw new Refused(404, 'RESOURCE_DOES_NOT_EXIST', 'Could not find experiment');
      return { experiment: { experiment_id: found.id, name: found.name, lifecycle_stage: found.deleted ? 'deleted' : 'active' } };
    },
    'experiments/create': ({ name }) => {
      if ([...experiments.values()].some((each) => each.name === name)) throw new Refused(400, 'RESOURCE_ALREADY_EXISTS', 'exists');
      const id = String(experiments.size + 1);
      experiments.set(id, { id, name: String(name), deleted: false });
      return { experiment_id: id };
    },
    'runs/create': (body) => {
      const run: StandInRun = {
        id: `run${runs.length + 1}`,
        experiment: String(body['experiment_id']),
        name: String(body['run_name']),
        status: 'RUNNING',
        statuses: [],
        end: undefined,
        deleted: false,
        parameters: new Map(),
        tags: new Map((body['tags'] as Pairs).map(({ key, value }) => [key, value])),
        metrics: new Map(),
      };
      runs.push(run);
      return { run: told(run) };
    },
    'runs/get': (body) => ({ run: told(runOf(body)) }),
    'runs/search': ({ filter }) => {
      const [, key, value] = /^tags\.`([^`]+)` = '([^']*)'$/.exec(String(filter)) ?? [];
      return { runs: runs.filter(({ tags }) => tags.get(key ?? '') === value).map(told) };
    },
    'runs/update': (body) => {
      const run = runOf(body);
      run.status = String(body['status']);
      run.statuses.push(run.status);
      run.end = body['end_time'] as number | undefined;
      return {};
    },
    'runs/set-tag': (body) => {
      runOf(body).tags.set(String(body['key']), String(body['value']));
      return {};
    },
    'runs/log-batch': (body) => {
      const run = runOf(body);
      const [params, tags] = [(body['params'] ?? []) as Pairs, (body['tags'] ?? []) as Pairs];
      const metrics = (body['metrics'] ?? []) as { key: string; value: number | string; step: number; timestamp: number }[];
      const bad = (message: string): never => {
        throw new Refused(400, 'INVALID_PARAMETER_VALUE', message);
      };
      if (metrics.length > 1000 || params.length > 100 || tags.length > 100) bad('too many');
      for (const { key, value } of params) {
        if (value.length > 500) bad(`param value of ${key} is too long`);
        if (run.parameters.has(key) && run.parameters.get(key) !== value) bad('Changing param values is not allowed');
      }
      if (tags.some(({ value }) => value.length > 5000)) bad('tag value too long');
      for (const { key } of [...params, ...tags, ...metrics]) {
        if (!/^[\w\-. :/]{1,250}$/.test(key) || key.split('/').some((part) => ['', '.', '..'].includes(part))) bad(`invalid name ${key}`);
      }
      for (const { key, value, step, timestamp } of metrics) {
        if (typeof value !== 'number' && value !== 'NaN') bad('not a number');
        if (!Number.isSafeInteger(step) || !Number.isSafeInteger(timestamp)) bad('not whole');
        run.metrics.set(JSON.stringify([key, step, timestamp, value]), { key, value, step, timestamp });
      }
      for (const { key, value } of params) run.parameters.set(key, value);
      for (const { key, value } of tags) run.tags.set(key, value);
      return {};
    },
  };
  const stand: StandInMlflow = {
    uri: '',
    experiments,
    runs,
    artifacts: new Map(),
    heard: [],
    paths: [],
    fault: () => undefined,
    delay: 0,
    stop: async () => {
      server.closeAllConnections();
      if (!server.listening) return;
      server.close();
      await once(server, 'close');
    },
    start: async () => {
      server.listen(Number(new URL(stand.uri).port), '127.0.0.1');
      await once(server, 'listening');
    },
  };
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const url = new URL(request.url ?? '', 'http://stand.in');
    const isArtifact = url.pathname.includes('/mlflow-artifacts/');
    const body: Body = text === '' || isArtifact ? Object.fromEntries(url.searchParams) : (JSON.parse(text) as Body);
    const path = url.pathname.replace(/^\/api\/2\.0\/(mlflow\/)?/, '');
    stand.heard.push(`${request.method} ${url.pathname}${url.search}\n${JSON.stringify(request.headers)}\n${text}`);
    stand.paths.push(path);
    const fault = stand.fault(path, body, count++);
    if (stand.delay > 0) await new Promise((resolve) => setTimeout(resolve, stand.delay));
    if (fault === 'cut before') return void request.socket.destroy();
    if (fault === 'silent') return;
    const reply = (status: number, value: object, headers: Record<string, string> = {}): void => {
      if (fault === 'cut after') return void request.socket.destroy();
      response.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(value));
    };
    if (typeof fault === 'object') {
      const headers: Record<string, string> = fault.retryAfter === undefined ? {} : { 'Retry-After': String(fault.retryAfter) };
      return reply(fault.status, fault.body ?? { error_code: 'INTERNAL_ERROR', message: 'told to' }, headers);
    }
    if (options.authorization !== undefined && request.headers.authorization !== options.authorization) return reply(401, {});
    try {
      if (text.length > 1e6) throw new Refused(400, 'INVALID_PARAMETER_VALUE', 'the request is too large');
      if (request.method === 'PUT' && isArtifact) {
        stand.artifacts.set(decodeURIComponent(path.replace('mlflow-artifacts/artifacts/', '')), text);
        return reply(200, {});
      }
      const call = calls[path];
      if (call === undefined) throw new Refused(404, 'ENDPOINT_NOT_FOUND', path);
      reply(200, call(body));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      reply(error.status, { error_code: error.code, message: error.message });
    }
  };
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(stand, { uri: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}
