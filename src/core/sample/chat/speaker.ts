import { locateRunner } from '../../runner/locate-runner.js';
import type { SamplingOptions } from '../complete.js';
import type { ChatTexts } from './chat-texts.js';
import type { ChosenModel } from './choices.js';
import type { Said, ShownTokens } from './messages.js';
import { ModelProcess } from './model-process.js';

/** Milliseconds between two texts of an answer that is being written. */
const PERIOD = 60;

/** What a model has answered. */
export interface Spoken {
  /** Without the token that ended it. */
  readonly text: string;
  readonly tokens: readonly number[];
  /** It ended by itself, neither at the limit nor stopped. */
  readonly ended: boolean;
  readonly stopped: boolean;
  /** Of writing, once it was loaded and had been asked. */
  readonly seconds: number;
}

export interface SpeakerListener {
  /** The model is being loaded; then: it reads and writes. */
  readonly onState: (state: 'loading' | 'writing') => void;
  /** Text so far. */
  readonly onText: (text: string, tokens: number) => void;
}

/** A model that answers, and stays loaded until it is told to rest. */
export class Speaker {
  #process: Promise<ModelProcess> | undefined;

  /**
   * @param threads of the CPU, where the run leaves them open; 0: all
   * @param above one of which this is the model below the adapter ({@link canShare}): its process answers for both, and is its to end
   */
  constructor(
    readonly chosen: ChosenModel,
    readonly texts: ChatTexts,
    readonly threads: number,
    readonly above?: Speaker,
  ) {}

  /**
   * Has the model answer. One at a time.
   *
   * @param signal aborting stops it; what it has written is the answer then
   * @throws WishboneError when its template refuses the messages, it cannot be loaded, or the prompt is too long
   */
  async answer(said: Said, sampling: SamplingOptions, { onState, onText }: SpeakerListener, signal: AbortSignal): Promise<Spoken> {
    const { reader } = this.chosen;
    const files = [reader.folder];
    onState('loading');
    const loading = this.#load(signal);
    // Looked at below; until then a failure must not count as one that nobody handles.
    loading.catch(() => undefined);
    const { tokens: prompt, ends } = await this.texts.ask('prompt', { reader, said }, files);
    const process = await loading;
    let begun = performance.now();
    const written: number[] = [];
    let isOver = false;
    let timer: NodeJS.Timeout | undefined;
    const show = async (): Promise<void> => {
      const count = written.length;
      const text = await this.texts.ask('decode', { reader, tokens: written.slice() }, files);
      timer = undefined;
      if (isOver) return;
      onText(text, count);
      if (written.length > count) later();
    };
    const later = (): void => {
      // What cannot be shown on the way is said of the whole answer.
      timer ??= setTimeout(() => void show().catch(() => undefined), PERIOD);
    };
    try {
      const request = { ...sampling, prompt, end_tokens: ends };
      const { tokens, stopped } = await process.complete(
        request,
        {
          onBegin: () => {
            begun = performance.now();
            onState('writing');
          },
          onToken: (token) => {
            written.push(token);
            later();
          },
        },
        signal,
        this.above === undefined ? 'whole' : 'below',
      );
      const seconds = (performance.now() - begun) / 1000;
      isOver = true;
      const ended = ends.includes(tokens.at(-1) ?? -1);
      const text = tokens.length === 0 ? '' : await this.texts.ask('decode', { reader, tokens }, files);
      return { text, tokens, ended, stopped: stopped && !ended, seconds };
    } finally {
      isOver = true;
      clearTimeout(timer);
    }
  }

  /** The tokens of what it has read, and of what it answered. */
  shownTokens(said: Said, answer: readonly number[]): Promise<ShownTokens> {
    const { reader } = this.chosen;
    return this.texts.ask('tokens', { reader, said, answer }, [reader.folder]);
  }

  /** Gives the model's memory back, unless it is another one's. It is loaded again when it is asked. */
  rest(): void {
    this.#process?.then(
      (process) => process.end(),
      () => undefined,
    );
    this.#process = undefined;
  }

  async #load(signal: AbortSignal): Promise<ModelProcess> {
    if (this.above !== undefined) return this.above.#load(signal);
    const before = this.#process;
    const known = await before?.catch(() => undefined);
    signal.throwIfAborted();
    if (known?.isThere === true) return known;
    // Whoever asked at the same time may have started it by now.
    if (this.#process !== undefined && this.#process !== before) return this.#process;
    const { model, runner } = this.chosen;
    const options = runner.threads === 0 ? { ...runner, threads: this.threads } : runner;
    this.#process = locateRunner().then((program) => ModelProcess.start(model, options, program));
    return this.#process;
  }
}
