import path from 'node:path';

import * as vscode from 'vscode';

import { WishboneError } from '../../../core/errors.js';
import { DEFAULT_RUNNER, type RunnerOptions } from '../../../core/options/index.js';
import { locateRunner } from '../../../core/runner/index.js';
import { readRun, type RunConfig } from '../../../core/run/index.js';
import type { TryRequest } from '../../../core/sample/index.js';
import { sampledModels, type SampledModels } from '../../../core/sample/models.js';
import { runTask } from '../../../core/tasks/index.js';
import { sentence } from '../../../format.js';
import {
  readTryPageMessage,
  readTryPageState,
  type Tried,
  type TryHostMessage,
  type TryPageMessage,
  type TryPageState,
  type TrySettings,
  type TryText,
} from '../../../protocol/try.js';
import { reach } from '../../milestones.js';
import { manageTrust } from '../../trust.js';
import type { Asked, Page, PanelKind } from '../page.js';
import type { PanelContext } from '../panels.js';
import type { KeptTries } from './kept-tries.js';
import { copyText } from './try-text.js';

export const TRY: PanelKind<TryPageMessage, TryPageState> = {
  name: 'try',
  title: 'Try It',
  readMessage: readTryPageMessage,
  readState: readTryPageState,
};

/** What the panels of one window share. */
export interface TryContext extends PanelContext {
  readonly kept: KeptTries;
}

/** Prompts for a trained model, completed by it and by its reference. */
export class TryPanel implements vscode.Disposable {
  readonly #trusted: vscode.Disposable;
  #tried: Tried[];
  #run: { readonly config: RunConfig; readonly models: SampledModels } | undefined;
  #fault = '';
  #work: AbortController | undefined;

  constructor(
    readonly page: Page<TryHostMessage, TryPageMessage>,
    readonly context: TryContext,
    readonly folder: string,
  ) {
    this.#tried = context.kept.of(folder);
    this.#trusted = vscode.workspace.onDidGrantWorkspaceTrust(() => this.#send());
    page.listen({ show: () => this.#send(), answer: (message) => this.#answer(message) });
    void this.#look();
  }

  dispose(): void {
    this.#work?.abort();
    this.#trusted.dispose();
    this.page.dispose();
  }

  async #answer(message: Asked<TryPageMessage>): Promise<void> {
    switch (message.type) {
      case 'complete':
        return this.#complete(message.prompt, message.settings);
      case 'cancel':
        return this.#work?.abort();
      case 'copy': {
        const tried = this.#tried.find(({ id }) => id === message.id);
        if (tried !== undefined) await vscode.env.clipboard.writeText(copyText(tried, message.what));
        return;
      }
      case 'forget':
        // A completion in progress has to be cancelled first.
        this.#tried = this.#tried.filter(({ id, state }) => id !== message.id || state === 'policy' || state === 'reference');
        return this.#keep();
      case 'manage-trust':
        return manageTrust();
    }
  }

  /** Finds out which models can be tried. */
  async #look(): Promise<void> {
    try {
      const { config } = await readRun(this.folder);
      if (!this.page.isClosed) this.page.panel.title = `Try: ${config.name}`;
      this.#run = { config, models: await sampledModels(this.folder) };
      this.#fault = '';
    } catch (error) {
      if (!(error instanceof WishboneError)) this.context.problems.log(error);
      this.#fault = error instanceof WishboneError ? `${sentence(error.what)}: ${error.advice}.` : 'The run cannot be read.';
    }
    this.#send();
  }

  async #complete(prompt: string, settings: TrySettings): Promise<void> {
    // The run may have exported a model since.
    if (this.#run === undefined) await this.#look();
    const run = this.#run;
    if (run === undefined || this.#work !== undefined || prompt.trim() === '' || !vscode.workspace.isTrusted) return;
    const work = new AbortController();
    this.#work = work;
    const id = Math.max(0, ...this.#tried.map((tried) => tried.id)) + 1;
    this.#tried = [{ id, prompt, settings, policy: null, reference: null, state: 'policy', problem: '' }, ...this.#tried];
    const change = (changes: Partial<Tried>): void => {
      this.#tried = this.#tried.map((tried) => (tried.id === id ? { ...tried, ...changes } : tried));
      this.#send();
    };
    this.#send();
    try {
      for (const which of ['policy', 'reference'] as const) {
        if (run.models[which] === undefined) continue;
        change({ state: which });
        change({ [which]: await this.#ask(run.config, which, prompt, settings, work.signal) });
      }
      change({ state: 'done' });
      reach('completionTried');
    } catch (error) {
      if (work.signal.aborted) change({ state: 'cancelled' });
      else {
        this.context.problems.log(error);
        const problem = error instanceof WishboneError ? `${sentence(error.what)}: ${error.advice}` : String((error as Error).message);
        change({ state: 'failed', problem });
      }
    } finally {
      this.#work = undefined;
      await this.#keep();
    }
  }

  async #ask(
    config: RunConfig,
    which: TryRequest['which'],
    prompt: string,
    settings: TrySettings,
    signal: AbortSignal,
  ): Promise<TryText | null> {
    const { plain, maxTokens, temperature, topP, seed } = settings;
    const sampling = { max_new_tokens: maxTokens, temperature, top_p: topP, seed };
    const request: TryRequest = {
      folder: this.folder,
      which,
      prompt,
      plain,
      sampling,
      options: deviceOf(config),
      runner: await locateRunner(),
    };
    const begun = performance.now();
    const completion = await runTask('sample', request, { signal });
    return completion === null ? null : { ...completion, seconds: (performance.now() - begun) / 1000 };
  }

  async #keep(): Promise<void> {
    await this.context.kept.keep(this.folder, this.#tried);
    this.#send();
  }

  #blocked(): string {
    if (!vscode.workspace.isTrusted) return 'Trying a model needs a trusted workspace.';
    return this.#fault;
  }

  #send(): void {
    if (!this.page.isReady) return;
    const { config, models } = this.#run ?? {};
    const name = (model: { readonly folder: string; readonly adapter?: string } | undefined): string =>
      model === undefined ? '' : path.basename(model.adapter === undefined ? model.folder : path.dirname(model.adapter));
    void this.page.send({
      type: 'state',
      folder: this.folder,
      state: {
        run: config?.name ?? path.basename(this.folder),
        policy: config?.name ?? '',
        reference: models?.reference === undefined ? null : name(models.reference),
        blocked: this.#blocked(),
        trusted: vscode.workspace.isTrusted,
        tried: this.#tried,
      },
    });
  }
}

/** The run's device, or any device if the run left it open or came from another machine. */
function deviceOf({ runner }: RunConfig): RunnerOptions {
  return {
    ...DEFAULT_RUNNER,
    device: runner.device,
    threads: runner.threads,
    cublaslt: runner.cublaslt,
    backend: runner.backend === 'cpu' ? 'cpu' : 'auto',
  };
}
