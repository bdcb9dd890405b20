import { SharedState, type EngineAnswer, type EngineTask, type RenderRequest } from './protocol.js';
import { startPython, type Watcher } from './python.js';

/** Longest time that counts between two looks at the clock: when the machine or the process slept, no template ran. */
const longestTick = 100;

/** The thread's side of {@link TemplateEngine}: answers requests one after the other until its port is closed. */
export async function serveTemplates({ shared, files, limits, port }: EngineTask): Promise<void> {
  const state = new Int32Array(shared);
  const send = (answer: EngineAnswer): void => {
    port.postMessage(answer);
    Atomics.add(state, SharedState.answers, 1);
    Atomics.notify(state, SharedState.answers);
  };
  const lost = (error: unknown): void => {
    send({ type: 'lost', message: error instanceof Error ? error.message : String(error) });
    port.close();
  };
  process.on('uncaughtException', lost);
  process.on('unhandledRejection', lost);
  const watch = new Stopwatch(state, limits.time);
  try {
    const python = await startPython(files, limits, watch);
    port.on('message', ({ jobs, now, traced }: RenderRequest) => {
      Atomics.store(state, SharedState.begun, 0);
      Atomics.store(state, SharedState.line, 0);
      watch.start();
      try {
        send({ type: 'rendered', results: python.render(jobs, now, traced) });
      } catch (error) {
        lost(error);
      }
    });
    send({ type: 'ready' });
  } catch (error) {
    lost(error);
  }
}

/** Tells other threads that a template goes on, and interrupts one that has had its time. */
class Stopwatch implements Watcher {
  private spent = 0;
  private last = 0;

  constructor(
    private readonly state: Int32Array,
    private readonly limit: number,
  ) {}

  start(): void {
    this.spent = 0;
    this.last = performance.now();
  }

  beat(): boolean {
    Atomics.add(this.state, SharedState.beats, 1);
    const now = performance.now();
    this.spent += Math.min(now - this.last, longestTick);
    this.last = now;
    if (this.spent < this.limit) return false;
    // What answers to the interruption has time of its own.
    this.spent = 0;
    return true;
  }

  /** `render.py` writes a zero before each text, and lines when it traces. */
  wrote(bytes: Uint8Array): void {
    Atomics.add(this.state, SharedState.beats, 1);
    if (bytes[0] === 0) {
      Atomics.add(this.state, SharedState.begun, 1);
      this.start();
    } else Atomics.store(this.state, SharedState.line, Number.parseInt(Buffer.from(bytes).toString('latin1'), 10));
  }
}
