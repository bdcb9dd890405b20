import { availableParallelism } from 'node:os';

import {
  ChatTexts,
  type ChosenModel,
  chosenModel,
  type ModelChoice,
  type Said,
  Speaker,
  type ShownTokens,
} from '../../../core/sample/chat/index.js';
import type { SamplingOptions } from '../../../core/sample/index.js';
import { WishboneError } from '../../../core/errors.js';
import { sentence } from '../../../format.js';
import type { TrySide } from '../../../protocol/try.js';
import { requireReadable } from '../../trust.js';
import type { AskedModel, KeptAnswer } from './chats.js';

/** Milliseconds after the last answer at which models give their memory back. */
const IDLE = 5 * 60_000;

interface Sitting {
  readonly key: string;
  readonly speaker: Speaker;
}

/** The models of one panel: each side's stays loaded from one answer to the next. */
export class Speakers {
  readonly texts = new ChatTexts();
  readonly #sides = new Map<TrySide, Sitting>();
  #choosing: Promise<ChosenModel | undefined> = Promise.resolve(undefined);
  #idle: NodeJS.Timeout | undefined;
  #answering = 0;
  #isOver = false;

  /**
   * Has the model of a side answer.
   *
   * @param share how many models answer at the same time: on a CPU each gets its share of the cores
   * @param onChange what becomes of the answer while it is written
   * @returns how it ended; what went wrong is a part of that
   */
  async answer(
    side: TrySide,
    { choice }: AskedModel,
    said: Said,
    sampling: SamplingOptions,
    {
      share,
      signal,
      onChange,
      onError,
    }: {
      readonly share: number;
      readonly signal: AbortSignal;
      readonly onChange: (changes: Partial<KeptAnswer>) => void;
      readonly onError: (error: unknown) => void;
    },
  ): Promise<Partial<KeptAnswer>> {
    clearTimeout(this.#idle);
    this.#answering++;
    try {
      const speaker = await this.#speaker(side, choice, share, signal);
      const listener = {
        onState: (state: 'loading' | 'writing') => onChange({ state }),
        onText: (text: string, tokens: number) => onChange({ state: 'writing', text, tokens }),
      };
      const { text, tokens, ended, stopped, seconds } = await speaker.answer(said, sampling, listener, signal);
      return { text, ids: tokens, tokens: tokens.length, seconds, state: stopped ? 'stopped' : ended ? 'done' : 'cut' };
    } catch (error) {
      if (signal.aborted) return { state: 'stopped' };
      onError(error);
      return { state: 'failed', problem: problemText(error) };
    } finally {
      this.#answering--;
      if (this.#answering === 0 && !this.#isOver) this.#idle = setTimeout(() => this.rest(), IDLE);
    }
  }

  /** The tokens that a model read and wrote. */
  async tokens(choice: ModelChoice, said: Said, answer: readonly number[]): Promise<ShownTokens> {
    requireReadable(choice.kind === 'folder' ? choice.folder : choice.run);
    const { reader } = await chosenModel(choice);
    return this.texts.ask('tokens', { reader, said, answer }, [reader.folder]);
  }

  /** Gives the memory of all models back, or of one side's. */
  rest(only?: TrySide): void {
    for (const [side, { speaker }] of this.#sides) {
      if (only !== undefined && side !== only) continue;
      speaker.rest();
      this.#sides.delete(side);
    }
  }

  dispose(): void {
    this.#isOver = true;
    clearTimeout(this.#idle);
    this.rest();
    this.texts.close();
  }

  async #speaker(side: TrySide, choice: ModelChoice, share: number, signal: AbortSignal): Promise<Speaker> {
    requireReadable(choice.kind === 'folder' ? choice.folder : choice.run);
    const threads = share === 1 ? 0 : Math.max(1, Math.floor(availableParallelism() / share));
    const key = JSON.stringify([choice, threads]);
    const known = this.#sides.get(side);
    if (known?.key === key) return known.speaker;
    // Its memory may be needed for the next one.
    this.rest(side);
    // One after the other: both sides may need the same checkpoint exported.
    const choosing = this.#choosing.catch(() => undefined).then(() => chosenModel(choice, { signal }));
    this.#choosing = choosing;
    const chosen = await choosing;
    signal.throwIfAborted();
    const speaker = new Speaker(chosen, this.texts, threads);
    this.#sides.set(side, { key, speaker });
    return speaker;
  }
}

/** What is wrong, and what can be done, in a line or two. */
export function problemText(error: unknown): string {
  if (!(error instanceof WishboneError)) return error instanceof Error ? error.message : String(error);
  const [what, advice] = [sentence(error.what), sentence(error.advice)];
  return `${/[.!?…]$/.test(what) ? what : `${what}.`} ${/[.!?…]$/.test(advice) ? advice : `${advice}.`}`;
}
