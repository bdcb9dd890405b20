import type * as vscode from 'vscode';

import type { ModelChoice } from '../../../core/sample/chat/index.js';
import { TRY_ANSWER, TRY_TURN } from '../../../protocol/try.js';
import { type Check, fits } from '../../../protocol/shape.js';
import { isCount, isObject, isText } from '../../../protocol/values.js';
import type { AskedModel, KeptAnswer, KeptChat, KeptTurn } from './chats.js';

/** What is kept of the chats about a run. */
export interface Kept {
  readonly chats: readonly KeptChat[];
  /** Models of other runs and folders that were chosen. */
  readonly others: readonly AskedModel[];
  /** The models asked last; null: as it is at first. `none`: nothing on the right. */
  readonly left: AskedModel | null;
  readonly right: AskedModel | 'none' | null;
  /** Prompts of the evaluation set that were asked for. */
  readonly prompts: number;
}

export const NOTHING_KEPT: Kept = { chats: [], others: [], left: null, right: null, prompts: 0 };

/** Models of other runs and folders that are kept in the list. */
const MOST_OTHERS = 20;

const key = (folder: string): string => `chats:${folder}`;

const CHOICE: Check<ModelChoice> = [
  'by kind',
  {
    trained: { run: isText },
    checkpoint: { run: isText, step: isCount },
    reference: { run: isText },
    start: { run: isText },
    folder: { folder: isText },
  },
];
const MODEL: Check<AskedModel> = { choice: CHOICE, label: isText };
const ANSWER: Check<KeptAnswer> = { ...TRY_ANSWER, choice: ['or null', CHOICE], ids: ['list of', isCount] };
const TURN: Check<KeptTurn> = { ...TRY_TURN, left: ['or null', ANSWER], right: ['or null', ANSWER] };
const CHAT: Check<KeptChat> = { id: isCount, turns: ['list of', TURN] };

/** The chats of a workspace, by run. */
export class KeptChats {
  constructor(readonly memento: vscode.Memento) {}

  /** Whatever is not as it should be is left out. */
  of(folder: string): Kept {
    const kept = this.memento.get<unknown>(key(folder));
    if (!isObject(kept)) return NOTHING_KEPT;
    const list = <T>(value: unknown, check: Check<T>): T[] => (Array.isArray(value) ? value.filter((each) => fits(each, check)) : []);
    const one = (value: unknown): AskedModel | null => (fits(value, MODEL) ? value : null);
    const { chats, others, left, right, prompts } = kept;
    return {
      chats: list(chats, CHAT),
      others: list(others, MODEL),
      left: one(left),
      right: right === 'none' ? right : one(right),
      prompts: isCount(prompts) ? prompts : 0,
    };
  }

  async keep(folder: string, kept: Kept): Promise<void> {
    await this.memento.update(key(folder), { ...kept, others: kept.others.slice(-MOST_OTHERS) });
  }
}
