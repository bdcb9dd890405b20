import path from 'node:path';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { WishboneError } from '../../errors.js';
import { BlockingClient, NoAnswer } from '../../transport/blocking.js';
import { engineInstallation } from './files.js';
import {
  type EngineCalls,
  type EngineConnection,
  type EngineLimits,
  type RenderJob,
  type RenderRequest,
  type RenderResult,
  SharedState,
} from './protocol.js';

/** A text takes a tenth of a millisecond, so whoever meets these has a template that goes wrong. */
export const ENGINE_LIMITS: EngineLimits = { time: 3_000, memory: 512 * 2 ** 20 };
/** Starting takes a third of a second on a machine with nothing else to do. */
const LONGEST_START = 120_000;
/** Traced, a template that got stuck does so sooner. */
const TRACED_PATIENCE = 1_000;
/** An engine that nobody has asked for that long gives its memory back. */
const IDLE = 60_000;
/** Most characters of jobs in one request. */
const REQUEST_LENGTH = 1 << 20;

/**
 * Renders chat templates: Jinja2 itself, in a CPython that was compiled to WebAssembly. It works in a thread of its own, so
 * that a template which never ends, takes all memory or breaks the interpreter can be stopped; the next job gets a new one.
 * Callers wait for it where they stand (`Atomics.wait`), for their own work is synchronous.
 */
export class TemplateEngine {
  readonly #limits: EngineLimits;
  #thread: EngineThread | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(limits: EngineLimits = ENGINE_LIMITS) {
    this.#limits = limits;
  }

  /**
   * @param now ISO date and time for `strftime_now`, by default the clock's
   * @returns what became of each
   * @throws WishboneError when the engine cannot be started
   */
  render(jobs: readonly RenderJob[], now = ''): RenderResult[] {
    const results: RenderResult[] = [];
    while (results.length < jobs.length) {
      const from = results.length;
      let to = from;
      for (let length = 0; to < jobs.length && (to === from || length < REQUEST_LENGTH); to++) {
        length += (jobs[to] as RenderJob).input.length;
      }
      results.push(...this.#some(jobs.slice(from, to), now));
    }
    this.#timer ??= setTimeout(() => this.close(), IDLE).unref();
    this.#timer.refresh();
    return results;
  }

  /** Ends the thread. The engine can be used again. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#thread?.end();
    this.#thread = undefined;
  }

  /** At least one result, for the first of the jobs on. */
  #some(jobs: readonly RenderJob[], now: string): RenderResult[] {
    const answer = this.#ask(request(jobs, now, false));
    if (answer.type === 'rendered') {
      const results = JSON.parse(answer.results) as RenderResult[];
      // Memory that was taken is not given back, but by the thread's end.
      if (results.some((result) => 'kind' in result && result.kind === 'memory')) this.close();
      return results;
    }
    // Which of the jobs it was is found by giving them one by one.
    if (jobs.length > 1) return jobs.flatMap((job) => this.#some([job], now));
    // An operation that breaks the interpreter or cannot be interrupted tells no line; traced, the template told it before.
    const traced = this.#ask(request(jobs, now, true));
    this.close();
    const line = traced.type === 'rendered' ? 0 : traced.line;
    return [{ kind: answer.type === 'lost' ? 'depth' : 'time', message: '', ...(line > 0 ? { line } : {}) }];
  }

  #ask(request: RenderRequest): Outcome {
    this.#thread ??= new EngineThread(this.#limits);
    const answer = this.#thread.ask(request);
    if (answer.type !== 'rendered') this.close();
    return answer;
  }
}

function request(jobs: readonly RenderJob[], now: string, traced: boolean): RenderRequest {
  const templates = [...new Set(jobs.map(({ template }) => template))];
  const lines = jobs.map(({ template, input }) => `${templates.indexOf(template)} ${input}`);
  return { templates, jobs: lines.join('\n'), now, traced };
}

/** The thread's answer; or that the thread is lost or stuck, and the template line it had reached if it was traced. */
type Outcome = { readonly type: 'rendered'; readonly results: string } | { readonly type: 'lost' | 'stuck'; readonly line: number };

class EngineThread {
  readonly #limits: EngineLimits;
  readonly #state = new Int32Array(new SharedArrayBuffer(4 * SharedState.length));
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #client: BlockingClient<EngineCalls>;

  constructor(limits: EngineLimits) {
    this.#limits = limits;
    const { worker, files } = engineInstallation();
    const { port1, port2 } = new MessageChannel();
    const connection: EngineConnection = { shared: this.#state.buffer as SharedArrayBuffer, port: port2 };
    this.#worker = new Worker(...program(worker, connection));
    // What goes wrong there is told by messages, or by their absence.
    this.#worker.on('error', () => undefined);
    this.#worker.unref();
    port1.unref();
    this.#port = port1;
    this.#client = new BlockingClient(port1, this.#state);
    try {
      this.#client.call('start', { files, limits }, LONGEST_START);
    } catch (error) {
      this.end();
      throw new WishboneError(
        `the engine for chat templates does not start: ${error instanceof NoAnswer ? 'it does not answer' : (error as Error).message}`,
        path.dirname(files.memory),
        'close other programs if memory is short; otherwise reinstall the extension (in the sources: node scripts/setup.mjs)',
      );
    }
  }

  ask(request: RenderRequest): Outcome {
    try {
      const results = this.#client.call('render', request, request.traced ? TRACED_PATIENCE : this.#limits.time);
      return { type: 'rendered', results };
    } catch (error) {
      return { type: error instanceof NoAnswer ? 'stuck' : 'lost', line: Atomics.load(this.#state, SharedState.line) };
    }
  }

  end(): void {
    this.#port.close();
    void this.#worker.terminate();
  }
}

/** Arguments of `Worker`. A TypeScript file, in tests, is compiled as the tests are. */
function program(file: string, connection: EngineConnection): ConstructorParameters<typeof Worker> {
  const options = {
    workerData: connection,
    transferList: [connection.port],
    // Nothing of the machine's is its business.
    env: {},
    argv: [],
    stdout: true,
    stderr: true,
    resourceLimits: { stackSizeMb: 16 },
  };
  if (!file.endsWith('.ts')) return [file, { ...options, execArgv: [] }];
  return [`require('tsx/cjs'); require(${JSON.stringify(file)});`, { ...options, eval: true, execArgv: [] }];
}

let engine: TemplateEngine | undefined;

/** This thread's engine. */
export function templateEngine(): TemplateEngine {
  return (engine ??= new TemplateEngine());
}
