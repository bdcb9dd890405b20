import { access } from 'node:fs/promises';

import type * as vscode from 'vscode';

import { WishboneError } from '../../../core/errors.js';
import { modelName } from '../../../core/hub/cache.js';
import type { PlanInfo, PlanSource } from '../../../core/inspect/index.js';
import { sentence } from '../../../format.js';
import type { PlanHeader, PlanHostMessage, PlanPageMessage } from '../../../protocol/plan.js';
import { progressText } from '../../plan-progress-text.js';
import { runCommand } from '../../run-command.js';
import type { Asked, Page } from '../page.js';
import { openRow } from './open-row.js';
import type { Aim, PlanPanelContext } from './plan-panels.js';
import type { PlanUse } from './plan-sessions.js';
import { watchPath } from './watch-path.js';

/** The state of a panel's plan. */
type State =
  | { readonly kind: 'opening'; readonly message: PlanHostMessage }
  | { readonly kind: 'empty'; readonly message: PlanHostMessage }
  | { readonly kind: 'open'; readonly use: PlanUse };

/** A panel that shows a plan: it opens the plan, reports progress, and answers the page. */
export abstract class PlanPanel<
  ToPage extends { readonly type: string } = PlanHostMessage,
  ToHost extends { readonly type: string } = PlanPageMessage,
> implements vscode.Disposable
{
  #abort = new AbortController();
  /** Watch what the plan was made from, while it is shown. */
  #watches: vscode.Disposable[] = [];
  #state: State = { kind: 'opening', message: { type: 'opening', text: 'Opening the plan', fraction: null } };

  constructor(
    readonly page: Page<ToPage | PlanHostMessage, ToHost | PlanPageMessage>,
    readonly context: PlanPanelContext,
    readonly source: PlanSource | undefined,
  ) {
    void this.#open();
    page.listen({ show: () => this.#sendState(), answer: (message) => this.answer(message) });
  }

  /** Of the tab, before the name of what is shown. */
  protected abstract readonly title: string;
  /** Scrolls something else into view. */
  abstract aim(aim: Aim): void;
  /** Sends what the page shows. Called when both the page and the plan are there. */
  protected abstract showPlan(use: PlanUse): Promise<void>;
  /** Answers a message from the page. Messages that all plan pages send go to {@link answerAny}. */
  protected abstract answer(message: Asked<ToHost | PlanPageMessage>): Promise<void>;

  dispose(): void {
    this.#abort.abort();
    this.#leave();
    this.page.dispose();
  }

  protected get use(): PlanUse | undefined {
    return this.#state.kind === 'open' ? this.#state.use : undefined;
  }

  protected send(message: ToPage | PlanHostMessage): void {
    void this.page.send(message);
  }

  /** Answers what either page may ask. */
  protected async answerAny(message: Asked<PlanPageMessage>): Promise<void> {
    switch (message.type) {
      case 'cancel':
        this.#abort.abort();
        return;
      case 'again':
        return this.#open();
      case 'choose':
        return runCommand(this.command);
      case 'open-row':
        if (this.use !== undefined) await openRow(this.use, message.row, this.page.panel.viewColumn);
        return;
    }
  }

  /** The command that lets the user choose another plan. */
  protected abstract readonly command: 'wishbone.inspectMasks' | 'wishbone.showPacking';

  async #open(): Promise<void> {
    this.#abort.abort();
    this.#leave();
    const abort = new AbortController();
    this.#abort = abort;
    if (this.source === undefined) {
      this.#become({
        kind: 'empty',
        message: empty('This panel no longer knows which plan it was showing.', 'Choose one.', false),
      });
      return;
    }
    this.#become({ kind: 'opening', message: { type: 'opening', text: 'Opening the plan', fraction: null } });
    try {
      const use = await this.context.sessions.use(this.source, {
        signal: abort.signal,
        onProgress: (now) => {
          const fraction = now.total > 0 ? Math.min(1, now.done / now.total) : null;
          this.#become({ kind: 'opening', message: { type: 'opening', text: progressText(now), fraction } });
        },
      });
      if (abort.signal.aborted) {
        use.dispose();
        return;
      }
      this.page.panel.title = `${this.title}: ${use.info.name}`;
      this.#become({ kind: 'open', use });
      this.#watch(use);
    } catch (error) {
      if (abort !== this.#abort) return;
      this.#become({ kind: 'empty', message: abort.signal.aborted ? CANCELLED : this.#failure(error) });
    }
  }

  #failure(error: unknown): PlanHostMessage {
    if (error instanceof WishboneError) {
      return empty(`${sentence(error.what)}: ${error.where}`, `${sentence(error.advice)}.`, true);
    }
    this.context.problems.log(error);
    return empty('Internal error in Wishbone. See the Wishbone output channel.', '', true);
  }

  #become(state: State): void {
    this.#state = state;
    if (this.page.isReady) void this.#sendState().catch((error: unknown) => void this.context.problems.show(error));
  }

  async #sendState(): Promise<void> {
    const state = this.#state;
    if (state.kind !== 'open') {
      this.send(state.message);
      return;
    }
    this.send({ type: 'plan', plan: headerOf(this.source!, state.use.info) });
    await this.showPlan(state.use);
    await this.#lookAround();
  }

  /** Checks whether what the plan was made from has changed. */
  async #lookAround(): Promise<void> {
    const { use, source } = this;
    if (use === undefined || source === undefined) return;
    const send = (text: string, again: boolean): void => this.send({ type: 'notice', text, again });
    if (source.kind === 'run' && !(await exists(source.folder))) {
      send(`The run folder no longer exists: ${source.folder}. This view shows what was read before.`, false);
      return;
    }
    const state = await use.inspector.ask('datasetState', null);
    const { datasetName: name } = use.info;
    if (state === 'same') send('', false);
    else if (state === 'missing') send(`${name} no longer exists; its rows cannot be opened.`, false);
    else if (source.kind === 'run') send(`${name} has changed since the run was planned; row numbers may not match.`, false);
    else send(`${name} has changed since this plan was made.`, true);
  }

  #watch({ info }: PlanUse): void {
    const look = (): void => void this.#lookAround().catch((error: unknown) => void this.context.problems.show(error));
    const paths = [info.dataset, ...(this.source?.kind === 'run' ? [this.source.folder] : [])];
    this.#watches = paths.map((watched) => watchPath(watched, look));
  }

  #leave(): void {
    for (const watch of this.#watches.splice(0)) watch.dispose();
    if (this.#state.kind === 'open') this.#state.use.dispose();
  }
}

const CANCELLED = empty('Planning was cancelled.', '', true);

function empty(reason: string, advice: string, again: boolean): PlanHostMessage {
  return { type: 'empty', reason, advice, again };
}

function headerOf(source: PlanSource, info: PlanInfo): PlanHeader {
  const { dataset, model, datasetName, ...figures } = info;
  return {
    ...figures,
    source: JSON.stringify(source),
    kind: source.kind,
    datasetName,
    datasetPath: dataset,
    modelName: modelName(model),
  };
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
