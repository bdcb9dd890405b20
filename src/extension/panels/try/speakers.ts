import { availableParallelism } from 'node:os';

import {
  ChatTexts,
  chosenModel,
  canShare,
  type ModelChoice,
  type Said,
  Speaker,
  type ShownTokens,
} from '../../../core/sample/chat/index.js';
import type { SamplingOptions } from '../../../core/sample/index.js';
import { WishboneError } from '../../../core/errors.js';
import { sentence } from '../../../format.js';
import { TRY_SIDES, type TrySide } from '../../../protocol/try.js';
import { requireReadable } from '../../trust.js';
import type { AskedModel, KeptAnswer } from './chats.js';

/** Milliseconds after the last answer at which models give their memory back. */
const IDLE = 5 * 60_000;

const OTHER: Readonly<Record<TrySide, TrySide>> = { left: 'right', right: 'left' };

interface Sitting {
  readonly key: string;
  readonly speaker: Speaker;
}

/** The models of one panel: each side's stays loaded from one answer to the next. */
export class Speakers {
  readonly texts = new ChatTexts();
  readonly #sides = new Map<TrySide, Sitting>();
  #choosing: Promise<unknown> = Promise.resolve();
  #idle: NodeJS.Timeout | undefined;
  #answering = 0;
  #isOver = false;

  /**
   * Has the model of a side answer.
   *
   * @param beside what the other side is asked at the same time. On a CPU each gets half of the cores, unless one is the model below the
   *   other's adapter: then one process answers for both
   * @param onChange what becomes of the answer while it is written
   * @returns how it ended; what went wrong is a part of that
   */
  async answer(
    side: TrySide,
    { choice }: AskedModel,
    said: Said,
    sampling: SamplingOptions,
    {
      beside,
      signal,
      onChange,
      onError,
    }: {
      readonly beside: AskedModel | undefined;
      readonly signal: AbortSignal;
      readonly onChange: (changes: Partial<KeptAnswer>) => void;
      readonly onError: (error: unknown) => void;
    },
  ): Promise<Partial<KeptAnswer>> {
    clearTimeout(this.#idle);
    this.#answering++;
    try {
      const speaker = await this.#speaker(side, choice, beside?.choice, signal);
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

  /** Gives the memory of all models back. */
  rest(): void {
    for (const side of TRY_SIDES) this.#let(side);
  }

  dispose(): void {
    this.#isOver = true;
    clearTimeout(this.#idle);
    this.rest();
    this.texts.close();
  }

  async #speaker(side: TrySide, choice: ModelChoice, beside: ModelChoice | undefined, signal: AbortSignal): Promise<Speaker> {
    for (const each of [choice, beside]) if (each !== undefined) requireReadable(each.kind === 'folder' ? each.folder : each.run);
    // One after the other: both sides may need the same checkpoint exported, and one may answer for both.
    const choosing = this.#choosing.catch(() => undefined).then(() => this.#seat(side, choice, beside, signal));
    this.#choosing = choosing;
    const speaker = await choosing;
    signal.throwIfAborted();
    return speaker;
  }

  async #seat(side: TrySide, choice: ModelChoice, beside: ModelChoice | undefined, signal: AbortSignal): Promise<Speaker> {
    const chosen = await chosenModel(choice, { signal });
    // What is wrong with the other one is told on its own side.
    const other = beside === undefined ? undefined : await chosenModel(beside, { signal }).catch(() => undefined);
    signal.throwIfAborted();
    const isLower = other !== undefined && canShare(chosen, other);
    const isShared = isLower || (other !== undefined && canShare(other, chosen));
    const threads = beside === undefined || isShared ? 0 : Math.max(1, Math.floor(availableParallelism() / 2));
    const above = isLower ? await this.#seat(OTHER[side], beside!, choice, signal) : undefined;
    const key = JSON.stringify([choice, threads]);
    const known = this.#sides.get(side);
    if (known?.key === key && known.speaker.above === above) return known.speaker;
    // Its memory may be needed for the next one.
    this.#let(side);
    const speaker = new Speaker(chosen, this.texts, threads, above);
    this.#sides.set(side, { key, speaker });
    return speaker;
  }

  /** Gives the memory of a side's model back, and with it that of the one that it answers for. */
  #let(side: TrySide): void {
    const speaker = this.#sides.get(side)?.speaker;
    if (speaker === undefined) return;
    speaker.rest();
    this.#sides.delete(side);
    const other = this.#sides.get(OTHER[side])?.speaker;
    if (other?.above === speaker) this.#sides.delete(OTHER[side]);
  }
}

/** What is wrong, and what can be done, in a line or two. */
export function problemText(error: unknown): string {
  if (!(error instanceof WishboneError)) return error instanceof Error ? error.message : String(error);
  const [what, advice] = [sentence(error.what), sentence(error.advice)];
  return `${/[.!?…]$/.test(what) ? what : `${what}.`} ${/[.!?…]$/.test(advice) ? advice : `${advice}.`}`;
}
