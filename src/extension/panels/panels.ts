import * as vscode from 'vscode';

import type { Problems } from '../problems.js';
import { Page, pageOptions, type PanelKind } from './page.js';

/** What every panel needs from the window. */
export interface PanelContext {
  readonly extensionUri: vscode.Uri;
  readonly problems: Problems;
}

/** The panels of one kind in this window. Those open when the window was closed come back with it. */
export class Panels<P extends vscode.Disposable, ToPage extends { readonly type: string }, ToHost extends { readonly type: string }, State>
  implements vscode.Disposable, vscode.WebviewPanelSerializer
{
  readonly #kind: PanelKind<ToHost, State>;
  readonly #context: PanelContext;
  readonly #restore: (page: Page<ToPage, ToHost>, state: State | undefined) => void | Promise<void>;
  readonly #registration: vscode.Disposable;
  readonly #open = new Set<P>();

  /** @param restore fills the page of a panel that comes back and passes it to {@link add}, or closes it */
  constructor(
    kind: PanelKind<ToHost, State>,
    context: PanelContext,
    restore: (page: Page<ToPage, ToHost>, state: State | undefined) => void | Promise<void>,
  ) {
    this.#kind = kind;
    this.#context = context;
    this.#restore = restore;
    this.#registration = vscode.window.registerWebviewPanelSerializer(this.viewType, this);
  }

  dispose(): void {
    this.#registration.dispose();
    for (const panel of this.#open) panel.dispose();
    this.#open.clear();
  }

  /** VS Code's name for this kind of panel. */
  get viewType(): string {
    return `wishbone.${this.#kind.name}`;
  }

  get all(): P[] {
    return [...this.#open];
  }

  /** Opens a panel and starts loading its page. Pass what it shows to {@link add}. */
  newPage(title: string, place: { readonly preserveFocus?: boolean } = {}): Page<ToPage, ToHost> {
    const column = { viewColumn: vscode.ViewColumn.Active, preserveFocus: false, ...place };
    return this.#page(vscode.window.createWebviewPanel(this.viewType, title, column, pageOptions(this.#context.extensionUri)));
  }

  /** Keeps a panel until its page is closed, then disposes it. */
  add<Q extends P>(page: Page<ToPage, ToHost>, panel: Q): Q {
    this.#open.add(panel);
    page.panel.onDidDispose(() => {
      this.#open.delete(panel);
      panel.dispose();
    });
    return panel;
  }

  async deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    panel.webview.options = pageOptions(this.#context.extensionUri);
    await this.#restore(this.#page(panel), this.#kind.readState(state));
  }

  #page(panel: vscode.WebviewPanel): Page<ToPage, ToHost> {
    return new Page(panel, this.#context.extensionUri, this.#kind, this.#context.problems);
  }
}
