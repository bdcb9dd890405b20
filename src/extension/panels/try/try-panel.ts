import { stat } from 'node:fs/promises';
import path from 'node:path';

import * as vscode from 'vscode';

import { WishboneError } from '../../../core/errors.js';
import { readRun, type RunConfig } from '../../../core/run/index.js';
import { type ListedModel, modelChoices } from '../../../core/sample/chat/index.js';
import { sentence } from '../../../format.js';
import {
  NO_MODEL,
  OTHER_FOLDER,
  OTHER_RUN,
  readTryPageMessage,
  readTryPageState,
  TRY_SIDES,
  type TryHostMessage,
  type TryPageMessage,
  type TryPageState,
  type TrySettings,
  type TrySide,
} from '../../../protocol/try.js';
import { reach } from '../../milestones.js';
import type { RecentPaths } from '../../paths/recent.js';
import { manageTrust } from '../../trust.js';
import type { Asked, Page, PanelKind } from '../page.js';
import type { PanelContext } from '../panels.js';
import { type AskedModel, Chats, type KeptAnswer, shownAnswer } from './chats.js';
import { evaluationPrompt, exampleOf, turnsBefore } from './evaluation.js';
import type { Kept, KeptChats } from './kept-chats.js';
import { pickModelFolder, pickModelOfRun } from './other-models.js';
import { problemText, Speakers } from './speakers.js';
import { choiceLabel, copyText } from './try-text.js';

export const TRY: PanelKind<TryPageMessage, TryPageState> = {
  name: 'try',
  title: 'Try It',
  readMessage: readTryPageMessage,
  readState: readTryPageState,
};

/** What the panels of one window share. */
export interface TryContext extends PanelContext {
  readonly kept: KeptChats;
  readonly recent: RecentPaths;
  /** Asks for the folder of another run. */
  readonly pickRun: () => Promise<string | undefined>;
}

type Models = Partial<Record<TrySide, AskedModel>>;

/** A chat with two models side by side: what a run trained, and its reference or whatever else is chosen. */
export class TryPanel implements vscode.Disposable {
  readonly #trusted: vscode.Disposable;
  readonly #speakers = new Speakers();
  readonly #chats: Chats;
  #kept: Kept;
  #config: RunConfig | undefined;
  #models: readonly ListedModel[] = [];
  #fault = '';
  #work: AbortController | undefined;

  constructor(
    readonly page: Page<TryHostMessage, TryPageMessage>,
    readonly context: TryContext,
    readonly folder: string,
  ) {
    this.#kept = context.kept.of(folder);
    this.#chats = new Chats(this.#kept.chats);
    this.#trusted = vscode.workspace.onDidGrantWorkspaceTrust(() => this.#send());
    page.listen({
      // Checkpoints may have come or gone since the page was hidden.
      show: () => this.#look(),
      answer: (message) => this.#answer(message),
    });
    void this.#look();
  }

  dispose(): void {
    this.#work?.abort();
    this.#speakers.dispose();
    this.#trusted.dispose();
    this.page.dispose();
  }

  async #answer(message: Asked<TryPageMessage>): Promise<void> {
    switch (message.type) {
      case 'say':
        if (message.prompt.trim() === '') return;
        return this.#ask(message.settings, (models) => this.#chats.say(askedOf(message), models));
      case 'again':
        return this.#ask(message.settings, (models) => this.#chats.again(askedOf(message), models));
      case 'stop':
        return this.#work?.abort();
      case 'model':
        return this.#choose(message.side, message.key);
      case 'evaluation':
        return this.#putPrompt(message.which);
      case 'tokens':
        return this.#sendTokens(message.turn, message.side);
      case 'copy': {
        const turn = this.#chats.turn(message.turn);
        if (turn !== undefined) await vscode.env.clipboard.writeText(copyText(turn, message.what));
        return;
      }
      case 'manage-trust':
        return manageTrust();
    }
    // What is being answered has to be stopped first.
    if (this.#work !== undefined) return;
    switch (message.type) {
      case 'forget':
        this.#chats.forget(message.turn);
        return this.#keep();
      case 'new-chat':
        this.#chats.begin();
        return this.#send();
      case 'open-chat':
        this.#chats.show(message.id);
        return this.#send();
      case 'delete-chat':
        this.#chats.delete();
        return this.#keep();
    }
  }

  /** Finds out which models there are. */
  async #look(): Promise<void> {
    try {
      const { config } = await readRun(this.folder);
      if (!this.page.isClosed) this.page.panel.title = `Try: ${config.name}`;
      const models = await modelChoices(this.folder);
      this.#config = config;
      this.#models = models;
      const hasOwn = models.some(({ choice }) => choice.kind === 'trained' || choice.kind === 'checkpoint');
      this.#fault = hasOwn ? '' : 'The run has no trained model yet: try again when it has finished, or has written a checkpoint.';
    } catch (error) {
      if (!(error instanceof WishboneError)) this.context.problems.log(error);
      const isGone = await stat(this.folder).then(
        () => false,
        () => true,
      );
      if (isGone) this.#fault = `The run folder no longer exists: ${this.folder}.`;
      else this.#fault = error instanceof WishboneError ? `${sentence(error.what)}: ${error.advice}.` : 'The run cannot be read.';
    }
    this.#send();
  }

  /** All that can be chosen, those of other runs last. */
  get #choices(): AskedModel[] {
    const own = this.#models.map((listed) => ({ choice: listed.choice, label: choiceLabel(listed) }));
    return [...own, ...this.#kept.others];
  }

  /** The models that are asked: those chosen last that are still there, else the newest of the run and its reference. */
  get #sides(): Models {
    const choices = this.#choices;
    const find = (wanted: AskedModel | null): AskedModel | undefined =>
      wanted === null ? undefined : choices.find(({ choice }) => keyOf(choice) === keyOf(wanted.choice));
    const { left, right } = this.#kept;
    const first = find(left) ?? choices[0];
    const second = right === 'none' ? undefined : (find(right) ?? choices.find(({ choice }) => choice.kind === 'reference'));
    return { ...(first && { left: first }), ...(second && { right: second }) };
  }

  async #choose(side: TrySide, key: string): Promise<void> {
    let chosen: AskedModel | 'none' | undefined;
    try {
      if (key === NO_MODEL) chosen = side === 'right' ? 'none' : undefined;
      else if (key === OTHER_RUN) chosen = await pickModelOfRun(this.context.pickRun);
      else if (key === OTHER_FOLDER) chosen = await pickModelFolder(this.context.recent);
      else chosen = this.#choices.find(({ choice }) => keyOf(choice) === key);
    } finally {
      // The list shows again what is chosen, if that is what it was.
      if (chosen === undefined) this.#send();
    }
    if (chosen === undefined) return;
    const isNew = chosen !== 'none' && !this.#choices.some(({ choice }) => keyOf(choice) === keyOf((chosen as AskedModel).choice));
    const others = isNew ? [...this.#kept.others, chosen as AskedModel] : this.#kept.others;
    this.#kept = { ...this.#kept, others, [side]: chosen };
    await this.#keep();
  }

  /** Has both models answer a turn, at the same time. */
  async #ask(settings: TrySettings, begin: (models: Models) => number | undefined): Promise<void> {
    // The run may have exported a model since.
    if (this.#fault !== '') await this.#look();
    if (this.#fault !== '' || this.#work !== undefined || !vscode.workspace.isTrusted) return;
    const models = this.#sides;
    const turn = begin(models);
    if (turn === undefined) return;
    const work = new AbortController();
    this.#work = work;
    await this.#keep();
    const sampling = { max_new_tokens: settings.maxTokens, temperature: settings.temperature, top_p: settings.topP, seed: settings.seed };
    const chat = this.#chats.open.id;
    const asked = TRY_SIDES.filter((side) => models[side] !== undefined);
    const answers = await Promise.all(
      asked.map(async (side) => {
        const change = (changes: Partial<KeptAnswer>): KeptAnswer | undefined => {
          const answer = this.#chats.answer(chat, turn, side, changes);
          if (answer !== undefined) void this.page.send({ type: 'answer', chat, turn, side, answer: shownAnswer(answer) });
          return answer;
        };
        const answer = await this.#speakers.answer(side, models[side]!, this.#chats.said(turn, side), sampling, {
          beside: models[side === 'left' ? 'right' : 'left'],
          signal: work.signal,
          onChange: change,
          onError: (error) => this.context.problems.log(error),
        });
        return change(answer);
      }),
    );
    this.#work = undefined;
    if (answers.some((answer) => answer?.state === 'done' || answer?.state === 'cut')) reach('completionTried');
    await this.#keep();
  }

  async #putPrompt(which: Extract<TryPageMessage, { type: 'evaluation' }>['which']): Promise<void> {
    if (this.#work !== undefined || !vscode.workspace.isTrusted) return;
    const found = await evaluationPrompt(this.#speakers.texts, this.folder, which, this.#kept.prompts);
    if (found === undefined) return;
    this.#kept = { ...this.#kept, prompts: found.index + 1 };
    // A conversation that was about something else is no part of it.
    this.#chats.begin(turnsBefore(found));
    await this.#keep();
    const { prompt, system, plain, note } = found;
    await this.page.send({ type: 'prompt', prompt, system, plain, example: exampleOf(found), note });
  }

  async #sendTokens(turn: number, side: TrySide): Promise<void> {
    const chat = this.#chats.open.id;
    const answer = this.#chats.turn(turn)?.[side];
    if (answer?.choice === null || answer === undefined || answer === null) return;
    try {
      const tokens = await this.#speakers.tokens(answer.choice, this.#chats.said(turn, side), answer.ids);
      await this.page.send({ type: 'tokens', chat, turn, side, tokens, problem: '' });
    } catch (error) {
      if (!(error instanceof WishboneError)) this.context.problems.log(error);
      await this.page.send({ type: 'tokens', chat, turn, side, tokens: null, problem: problemText(error) });
    }
  }

  async #keep(): Promise<void> {
    this.#send();
    await this.context.kept.keep(this.folder, { ...this.#kept, chats: this.#chats.kept });
  }

  #blocked(): string {
    if (!vscode.workspace.isTrusted) return 'Trying a model needs a trusted workspace.';
    return this.#fault;
  }

  #send(): void {
    if (!this.page.isReady) return;
    const { left, right } = this.#sides;
    void this.page.send({
      type: 'state',
      folder: this.folder,
      state: {
        run: this.#config?.name ?? path.basename(this.folder),
        blocked: this.#blocked(),
        trusted: vscode.workspace.isTrusted,
        models: this.#choices.map(({ choice, label }) => ({ key: keyOf(choice), label })),
        left: left === undefined ? '' : keyOf(left.choice),
        right: right === undefined ? NO_MODEL : keyOf(right.choice),
        chats: this.#chats.list,
        chat: this.#chats.shown,
        evaluates: this.#config?.eval_dataset !== undefined,
      },
    });
  }
}

const keyOf = (choice: AskedModel['choice']): string => JSON.stringify(choice, Object.keys(choice).sort());

/** Without the type of the message. */
function askedOf<T extends { readonly type: string }>({ type: _, ...asked }: T): Omit<T, 'type'> {
  return asked;
}
