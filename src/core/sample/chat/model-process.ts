import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { WishboneError } from '../../errors.js';
import type { RunnerOptions } from '../../options/index.js';
import { runnerCommand } from '../../runner/runner-command.js';
import { runnerFlags } from '../../runner/runner-flags.js';
import { runnerFailure, type TokenOptions } from '../complete.js';
import type { SampledModel } from '../models.js';

/** Milliseconds that a model has to notice that it should stop; reading a long prompt is one step. Then its process is ended. */
const LONGEST_STOP = 5_000;
/** Characters of the runner's standard error that are kept. */
const MOST_STDERR = 16_384;

/** What a model is asked to go on with. */
export interface TokenRequest extends TokenOptions {
  readonly prompt: readonly number[];
}

export interface TokenListener {
  /** The model is loaded and has been asked. */
  readonly onBegin: () => void;
  readonly onToken: (token: number) => void;
}

/** Tokens that a model wrote. */
export interface WrittenTokens {
  /** An end token last where there is one. */
  readonly tokens: readonly number[];
  /** It was asked to stop. */
  readonly stopped: boolean;
}

/** A line of `wishbone-runner chat` (docs/formats.md). */
type Line = { /** False: of the model below the adapter. */ readonly adapter?: false } & (
  | { readonly type: 'ready' }
  | { readonly type: 'token'; readonly token: number }
  | { readonly type: 'completed'; readonly tokens: readonly number[] }
  | { readonly type: 'failed'; readonly what: string; readonly where: string; readonly advice: string }
);

/** Which of the models of a process is asked: that with its adapter, if it has one, or the one below it. */
export type Voice = 'whole' | 'below';

interface Asked {
  readonly onToken: (token: number) => void;
  readonly resolve: (tokens: readonly number[]) => void;
  readonly reject: (error: Error) => void;
}

/** The runner's process as far as this needs it. */
interface Child {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  kill(signal: NodeJS.Signals): boolean;
}

/**
 * A model that stays loaded, in a runner of its own (`wishbone-runner chat`), which ends with this process. One with an adapter also answers
 * as the model below that, at the same time: the weights are there once.
 */
export class ModelProcess {
  readonly #child: Child;
  readonly #loaded: Promise<void>;
  #onLoaded: () => void = () => undefined;
  readonly #asked = new Map<Voice, Asked>();
  readonly #busy = new Set<Voice>();
  #ended: Error | undefined;

  private constructor(child: Child, gone: Promise<{ readonly exitCode?: number }>, program: string) {
    this.#child = child;
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-MOST_STDERR)));
    // Whoever writes to it when it has gone learns that from its end.
    child.stdin.on('error', () => undefined);
    createInterface({ input: child.stdout, crlfDelay: Infinity }).on('line', (line) => this.#take(line));
    this.#loaded = new Promise((resolve, reject) => {
      this.#onLoaded = resolve;
      void gone.then(({ exitCode }) => {
        this.#ended ??= runnerFailure(program, exitCode, stderr);
        reject(this.#ended);
        for (const voice of [...this.#asked.keys()]) this.#done(voice)?.reject(this.#ended);
      });
    });
    // Looked at by whoever asks; until then it must not count as one that nobody handles.
    this.#loaded.catch(() => undefined);
  }

  /**
   * Starts loading a model.
   *
   * @param program path of the runner
   */
  static async start(model: SampledModel, options: RunnerOptions, program: string): Promise<ModelProcess> {
    const { execa } = await import('execa');
    const adapter = model.adapter === undefined ? [] : ['--adapter', model.adapter];
    const child = execa(...runnerCommand(program, ['chat', model.folder, ...adapter, ...runnerFlags(options)]), {
      reject: false,
      buffer: false,
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'pipe',
    });
    return new ModelProcess(
      child,
      child.then(({ exitCode }) => (exitCode === undefined ? {} : { exitCode })),
      program,
    );
  }

  /** Whether it can be asked: it has neither ended nor been ended. */
  get isThere(): boolean {
    return this.#ended === undefined;
  }

  /** Resolves once the model is loaded. @throws WishboneError with what the runner says */
  get loaded(): Promise<void> {
    return this.#loaded;
  }

  /**
   * Has the model write. One request at a time, of each voice.
   *
   * @param signal aborting stops it: what was written so far is the answer then. A model that is not loaded yet, or does not stop, is given
   *   up with the whole process
   * @param voice `below` only of a process that was started with an adapter
   * @throws WishboneError with what the runner says
   */
  async complete(
    request: TokenRequest,
    { onBegin, onToken }: TokenListener,
    signal: AbortSignal,
    voice: Voice = 'whole',
  ): Promise<WrittenTokens> {
    if (this.#ended !== undefined) throw this.#ended;
    if (this.#busy.has(voice)) throw new Error('the model is writing already');
    this.#busy.add(voice);
    const tell = (line: object): void => {
      this.#child.stdin.write(`${JSON.stringify(voice === 'whole' ? line : { ...line, adapter: false })}\n`);
    };
    const written: number[] = [];
    let last: NodeJS.Timeout | undefined;
    let isLoaded = false;
    const stop = (): void => {
      if (!isLoaded) return this.end();
      tell({ stop: true });
      last = setTimeout(() => this.end(), LONGEST_STOP);
    };
    try {
      if (signal.aborted) return { tokens: [], stopped: true };
      signal.addEventListener('abort', stop, { once: true });
      await this.#loaded;
      isLoaded = true;
      if (signal.aborted) return { tokens: [], stopped: true };
      const tokens = await new Promise<readonly number[]>((resolve, reject) => {
        const hear = (token: number): void => {
          written.push(token);
          onToken(token);
        };
        this.#asked.set(voice, { onToken: hear, resolve, reject });
        onBegin();
        tell(request);
      });
      return { tokens, stopped: signal.aborted };
    } catch (error) {
      if (signal.aborted) return { tokens: written, stopped: true };
      throw error;
    } finally {
      this.#busy.delete(voice);
      clearTimeout(last);
      signal.removeEventListener('abort', stop);
    }
  }

  /** Ends it, whatever it is doing. */
  end(): void {
    this.#ended ??= new WishboneError('the model was unloaded', 'the runner', 'ask again');
    this.#child.stdin.end();
    this.#child.kill('SIGKILL');
  }

  #done(voice: Voice): Asked | undefined {
    const asked = this.#asked.get(voice);
    this.#asked.delete(voice);
    return asked;
  }

  #take(text: string): void {
    let line: Line;
    try {
      line = JSON.parse(text) as Line;
    } catch {
      return;
    }
    const voice = line.adapter === false ? 'below' : 'whole';
    switch (line.type) {
      case 'ready':
        return this.#onLoaded();
      case 'token':
        return this.#asked.get(voice)?.onToken(line.token);
      case 'completed':
        return this.#done(voice)?.resolve(line.tokens);
      case 'failed':
        return this.#done(voice)?.reject(new WishboneError(line.what, line.where, line.advice));
    }
  }
}
