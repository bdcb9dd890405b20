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
import { readTryPageMessage, type Tried, type TryHostMessage, type TryPageMessage, type TrySettings, type TryText } from '../../../protocol/try.js';
import { reach } from '../../milestones.js';
import { loadPage } from '../page.js';
import type { Problems } from '../../problems.js';
import { manageTrust } from '../../trust.js';
import type { KeptTries } from './kept-tries.js';
import { copyText } from './try-text.js';

/** What the panels of one window share. */
export interface TryContext {
  readonly extensionUri: vscode.Uri;
  readonly kept: KeptTries;
  readonly problems: Problems;
}

/** Prompts for a trained model, completed by it and by what it is held to. */
export class TryPanel implements vscode.Disposable {
  readonly #disposables: vscode.Disposable[] = [];
  #tried: Tried[];
  #run: { readonly config: RunConfig; readonly models: SampledModels } | undefined;
  #fault = '';
  #work: AbortController | undefined;
  #ready = false;

  constructor(
    readonly panel: vscode.WebviewPanel,
    readonly context: TryContext,
    readonly folder: string,
  ) {
    this.#tried = context.kept.of(folder);
    this.#disposables.push(
      panel.webview.onDidReceiveMessage((message: unknown) => this.#receive(message)),
      panel.onDidChangeViewState(() => {
        if (!panel.visible) this.#ready = false;
      }),
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.#send()),
    );
    panel.title = 'Try It';
    loadPage(panel, context.extensionUri, 'try', panel.title);
    void this.#look();
  }

  dispose(): void {
    this.#work?.abort();
    for (const disposable of this.#disposables.splice(0)) disposable.dispose();
  }

  #receive(value: unknown): void {
    const message = readTryPageMessage(value);
    if (message === undefined) return;
    this.#answer(message).catch((error: unknown) => void this.context.problems.show(error));
  }

  async #answer(message: TryPageMessage): Promise<void> {
    switch (message.type) {
      case 'ready':
        // A page that speaks is there, whatever VS Code has told of the panel by then.
        this.#ready = true;
        return this.#send();
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
        // What is being written is cancelled first.
        this.#tried = this.#tried.filter(({ id, state }) => id !== message.id || state === 'policy' || state === 'reference');
        return this.#keep();
      case 'manage-trust':
        return manageTrust();
    }
  }

  /** Looks at what there is to be tried. */
  async #look(): Promise<void> {
    try {
      const { config } = await readRun(this.folder);
      this.panel.title = `Try: ${config.name}`;
      this.#run = { config, models: await sampledModels(this.folder) };
      this.#fault = '';
    } catch (error) {
      if (!(error instanceof WishboneError)) this.context.problems.log(error);
      this.#fault = error instanceof WishboneError ? `${sentence(error.what)}: ${error.advice}.` : 'The run cannot be read.';
    }
    this.#send();
  }

  async #complete(prompt: string, settings: TrySettings): Promise<void> {
    // A run may have exported since.
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

  async #ask(config: RunConfig, which: TryRequest['which'], prompt: string, settings: TrySettings, signal: AbortSignal): Promise<TryText | null> {
    const { plain, maxTokens, temperature, topP, seed } = settings;
    const sampling = { max_new_tokens: maxTokens, temperature, top_p: topP, seed };
    const request: TryRequest = { folder: this.folder, which, prompt, plain, sampling, options: deviceOf(config), runner: await locateRunner() };
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
    if (!this.#ready) return;
    const { config, models } = this.#run ?? {};
    const name = (model: { readonly folder: string; readonly adapter?: string } | undefined): string =>
      model === undefined ? '' : path.basename(model.adapter === undefined ? model.folder : path.dirname(model.adapter));
    const message: TryHostMessage = {
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
    };
    void this.panel.webview.postMessage(message);
  }
}

/** The device of the run, or whatever there is where the run left it open or came from another machine. */
function deviceOf({ runner }: RunConfig): RunnerOptions {
  return { ...DEFAULT_RUNNER, device: runner.device, threads: runner.threads, cublaslt: runner.cublaslt, backend: runner.backend === 'cpu' ? 'cpu' : 'auto' };
}
