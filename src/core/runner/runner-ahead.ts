import type { execa as Execa } from 'execa';

import { type DecidedRunner, deviceCount, type TrainingOptions } from '../options/index.js';
import { gpusOf } from './devices.js';
import { locateRunner } from './locate-runner.js';

/** What is known of a run before it is planned. */
export interface ExpectedRun {
  /** Folder of the model. */
  readonly model: string;
  readonly training: Pick<TrainingOptions, 'use_peft'>;
  readonly runner: DecidedRunner;
}

function gettingReady(execa: typeof Execa, program: string, words: readonly string[]) {
  return execa(program, ['ahead', ...words], {
    detached: true,
    cleanup: false,
    reject: false,
    stdin: 'pipe',
    stdout: 'ignore',
    stderr: 'ignore',
  });
}

/** Its process. */
type Waiting = ReturnType<typeof gettingReady>;

/**
 * A runner that gets ready for a run while it is planned: it opens the device and loads the model (docs/formats.md, `ahead`). It ends when
 * it is dismissed, and with this process, unless it was told of its run.
 */
export class RunnerAhead {
  readonly #process: Waiting;
  #isThere = true;

  private constructor(process: Waiting) {
    this.#process = process;
    void process.then(() => (this.#isThere = false));
    // Whoever is told after it has gone notices by that.
    process.stdin.on('error', () => (this.#isThere = false));
  }

  /** Undefined for several devices, which speak to each other first, and where there is no runner: the run itself says why. */
  static async start({ model, training, runner }: ExpectedRun): Promise<RunnerAhead | undefined> {
    if (deviceCount(runner) !== 1) return undefined;
    const program = await locateRunner().catch(() => undefined);
    if (program === undefined) return undefined;
    const { execa } = await import('execa');
    const flags = [
      ...['--backend', runner.backend, '--threads', String(runner.threads), '--device', String(gpusOf(runner)[0] ?? runner.device)],
      ...(runner.deterministic ? ['--deterministic'] : []),
      ...(runner.precision === 'fp8' ? ['--fp8'] : []),
      ...(training.use_peft ? ['--adapter'] : []),
    ];
    const process = gettingReady(execa, program, [model, ...flags]);
    process.unref();
    return new RunnerAhead(process);
  }

  /** Tells it of its run. Undefined when it is not there any more, or cannot be told of such a folder: the run needs another runner then. */
  take(folder: string): Waiting | undefined {
    if (!this.#isThere || this.#process.pid === undefined || folder.includes('\n')) {
      this.dismiss();
      return undefined;
    }
    this.#isThere = false;
    this.#process.stdin.end(`${folder}\n`);
    return this.#process;
  }

  /** Lets it go, unless it was told of a run. */
  dismiss(): void {
    if (this.#isThere) this.#process.stdin.end();
    this.#isThere = false;
  }
}
