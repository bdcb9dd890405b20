import { wakingChannel } from '../../transport/blocking.js';
import { serve } from '../../transport/server.js';
import { type EngineCalls, type EngineConnection, SharedState } from './protocol.js';
import { type Interpreter, startPython, type Watcher } from './python.js';

/** Longest time that counts between two looks at the clock: when the machine or the process slept, no template ran. */
const LONGEST_TICK = 100;

/** A template may take so many times as long when its lines are told. */
const TRACED_TIMES = 4;

/** The thread's side of {@link TemplateEngine}, which ends the thread if anything goes wrong here. */
export function serveTemplates({ shared, port }: EngineConnection): void {
  const state = new Int32Array(shared);
  let python: Interpreter | undefined;
  let time = 0;
  const watch = new Stopwatch(state);
  const teller = serve<EngineCalls>(wakingChannel(port, state), {
    start: async ({ files, limits }) => {
      time = limits.time;
      python = await startPython(files, limits, watch);
    },
    render: ({ templates, jobs, now, traced }) => {
      if (python === undefined) throw new Error('no interpreter was started');
      Atomics.store(state, SharedState.line, 0);
      watch.limit = traced ? TRACED_TIMES * time : time;
      watch.start();
      return python.render(JSON.stringify(templates), jobs, now, traced);
    },
  });
  process.on('uncaughtException', teller.fault);
  process.on('unhandledRejection', teller.fault);
}

/** Tells other threads that a template goes on, and interrupts one that has had its time. */
class Stopwatch implements Watcher {
  readonly #state: Int32Array;
  #spent = 0;
  #last = 0;
  /** Milliseconds for one text. */
  limit = Infinity;

  constructor(state: Int32Array) {
    this.#state = state;
  }

  start(): void {
    this.#spent = 0;
    this.#last = performance.now();
  }

  beat(): boolean {
    Atomics.add(this.#state, SharedState.beats, 1);
    const now = performance.now();
    this.#spent += Math.min(now - this.#last, LONGEST_TICK);
    this.#last = now;
    if (this.#spent < this.limit) return false;
    // What answers to the interruption has time of its own.
    this.#spent = 0;
    return true;
  }

  /** `render.py` writes a zero before each text, and lines when it traces. */
  wrote(bytes: Uint8Array): void {
    Atomics.add(this.#state, SharedState.beats, 1);
    if (bytes[0] === 0) this.start();
    else Atomics.store(this.#state, SharedState.line, Number.parseInt(Buffer.from(bytes).toString('latin1'), 10));
  }
}
