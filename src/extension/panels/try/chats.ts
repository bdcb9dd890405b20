import type { ChatMessage, ModelChoice, Said } from '../../../core/sample/chat/index.js';
import {
  isUnderWay,
  TRY_SIDES,
  type TryAnswer,
  type TryChat,
  type TryChoice,
  type TryExample,
  type TrySettings,
  type TrySide,
  type TryTurn,
} from '../../../protocol/try.js';

/** Chats of a run that are kept. */
export const MOST_CHATS = 30;
/** Characters of a chat's name. */
const NAME_LENGTH = 60;

/** An answer, with the model that wrote it and the ids of its tokens. */
export interface KeptAnswer extends TryAnswer {
  /** Null where no model wrote it. */
  readonly choice: ModelChoice | null;
  readonly ids: readonly number[];
}

export interface KeptTurn extends Omit<TryTurn, TrySide> {
  readonly left: KeptAnswer | null;
  readonly right: KeptAnswer | null;
}

export interface KeptChat {
  readonly id: number;
  readonly turns: readonly KeptTurn[];
}

/** What somebody says. */
export interface Asked {
  readonly prompt: string;
  readonly system: string;
  readonly settings: TrySettings;
  readonly example: TryExample | null;
}

/** A model that is asked, and its name. */
export interface AskedModel {
  readonly choice: ModelChoice;
  readonly label: string;
}

/** The chats about one run, newest first, one of which is shown. */
export class Chats {
  #chats: KeptChat[];
  #open: number;

  constructor(kept: readonly KeptChat[] = []) {
    // What was under way when the window closed no longer is.
    this.#chats = kept.map((chat) => ({ ...chat, turns: chat.turns.map(overNow) }));
    if (this.#chats.length === 0) this.#chats = [{ id: 1, turns: [] }];
    this.#open = this.#chats[0]!.id;
  }

  get open(): KeptChat {
    return this.#chats.find(({ id }) => id === this.#open) ?? this.#chats[0]!;
  }

  /** The chats to be kept; one in which nothing was said is none. */
  get kept(): readonly KeptChat[] {
    return this.#chats.filter(({ turns }) => turns.length > 0).slice(0, MOST_CHATS);
  }

  get list(): TryChoice[] {
    return this.#chats.map((chat) => ({ key: String(chat.id), label: nameOf(chat) }));
  }

  /** As the page shows it. */
  get shown(): TryChat {
    const { id, turns } = this.open;
    return { id, turns: turns.map((turn) => ({ ...turn, left: shownAnswer(turn.left), right: shownAnswer(turn.right) })) };
  }

  /** Begins a chat, with turns that went before. One in which nothing was said yet is taken for it. */
  begin(before: readonly Omit<KeptTurn, 'id'>[] = []): void {
    const id = Math.max(...this.#chats.map((chat) => chat.id)) + 1;
    const said = this.#chats.filter(({ turns }) => turns.length > 0);
    this.#chats = [{ id, turns: before.map((turn, index) => ({ ...turn, id: index + 1 })) }, ...said].slice(0, MOST_CHATS);
    this.#open = id;
  }

  show(id: number): void {
    if (this.#chats.some((chat) => chat.id === id)) this.#open = id;
  }

  /** Forgets the chat that is shown. */
  delete(): void {
    const { id } = this.open;
    this.#chats = this.#chats.filter((chat) => chat.id !== id);
    if (this.#chats.length === 0) this.#chats = [{ id: id + 1, turns: [] }];
    this.#open = this.#chats[0]!.id;
  }

  /** Adds a turn to the chat that is shown. @returns its id */
  say(asked: Asked, models: Readonly<Partial<Record<TrySide, AskedModel>>>): number {
    const { turns } = this.open;
    const id = Math.max(0, ...turns.map((turn) => turn.id)) + 1;
    this.#change(this.open.id, () => [...turns, { id, ...asked, ...answersOf(models) }]);
    return id;
  }

  /** Has the last turn answered anew. @returns its id, or undefined where nothing was said */
  again(asked: Pick<Asked, 'system' | 'settings'>, models: Readonly<Partial<Record<TrySide, AskedModel>>>): number | undefined {
    const last = this.open.turns.at(-1);
    if (last === undefined) return undefined;
    this.#change(this.open.id, (turns) => [...turns.slice(0, -1), { ...last, ...asked, ...answersOf(models) }]);
    return last.id;
  }

  /** Changes an answer. @returns it, unless its turn is gone */
  answer(chat: number, turn: number, side: TrySide, changes: Partial<KeptAnswer>): KeptAnswer | undefined {
    let changed: KeptAnswer | undefined;
    this.#change(chat, (turns) =>
      turns.map((each) => {
        const answer = each[side];
        if (each.id !== turn || answer === null) return each;
        changed = { ...answer, ...changes };
        return { ...each, [side]: changed };
      }),
    );
    return changed;
  }

  /** Takes a turn out, unless it is being answered. */
  forget(turn: number): void {
    this.#change(this.open.id, (turns) =>
      turns.filter((each) => each.id !== turn || TRY_SIDES.some((side) => each[side] !== null && isUnderWay(each[side]))),
    );
  }

  turn(id: number): KeptTurn | undefined {
    return this.open.turns.find((turn) => turn.id === id);
  }

  /**
   * What a side is asked in a turn: the turn's prompt after what was said before on that side. Turns that it did not answer, and texts
   * that were continued, are no part of its conversation.
   */
  said(id: number, side: TrySide): Said {
    const { turns } = this.open;
    const at = turns.findIndex((turn) => turn.id === id);
    const turn = turns[at]!;
    if (turn.settings.plain) return { kind: 'text', text: turn.prompt };
    const before = turns.slice(0, at).flatMap(({ prompt, settings, [side]: answer }): ChatMessage[] => {
      const isPart = !settings.plain && answer !== null && (answer.text !== '' || answer.state === 'done');
      if (!isPart) return [];
      return [
        { role: 'user', content: prompt },
        { role: 'assistant', content: answer.text },
      ];
    });
    const system: ChatMessage[] = turn.system.trim() === '' ? [] : [{ role: 'system', content: turn.system }];
    return { kind: 'messages', messages: [...system, ...before, { role: 'user', content: turn.prompt }] };
  }

  #change(chat: number, change: (turns: readonly KeptTurn[]) => readonly KeptTurn[]): void {
    this.#chats = this.#chats.map((each) => (each.id === chat ? { id: each.id, turns: change(each.turns) } : each));
  }
}

function answersOf(models: Readonly<Partial<Record<TrySide, AskedModel>>>): Pick<KeptTurn, TrySide> {
  const answer = (asked: AskedModel | undefined): KeptAnswer | null =>
    asked === undefined
      ? null
      : {
          ...{ model: asked.label, choice: asked.choice, text: '', ids: [], tokens: 0, seconds: 0 },
          ...{ state: asked.choice.kind === 'checkpoint' ? 'exporting' : 'loading', problem: '' },
        };
  return { left: answer(models.left), right: answer(models.right) };
}

function overNow(turn: KeptTurn): KeptTurn {
  const over = (answer: KeptAnswer | null): KeptAnswer | null =>
    answer !== null && isUnderWay(answer) ? { ...answer, state: 'stopped' } : answer;
  return { ...turn, left: over(turn.left), right: over(turn.right) };
}

/** The same for a page, which has no use for the rest. */
export function shownAnswer(answer: KeptAnswer): TryAnswer;
export function shownAnswer(answer: KeptAnswer | null): TryAnswer | null;
export function shownAnswer(answer: KeptAnswer | null): TryAnswer | null {
  if (answer === null) return null;
  const { model, text, tokens, seconds, state, problem } = answer;
  return { model, text, tokens, seconds, state, problem };
}

function nameOf({ turns }: KeptChat): string {
  const first = turns.find(({ left, right }) => left?.state !== 'given' && right?.state !== 'given') ?? turns[0];
  if (first === undefined) return 'New chat';
  const line = first.prompt.trim().replace(/\s+/g, ' ');
  return line.length > NAME_LENGTH ? `${line.slice(0, NAME_LENGTH - 1)}…` : line;
}
