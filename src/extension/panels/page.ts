import { randomBytes } from 'node:crypto';

import * as vscode from 'vscode';

import type { Problems } from '../problems.js';
import { pageHtml, textHtml } from './html.js';

/** What distinguishes one kind of panel from another. */
export interface PanelKind<ToHost, State> {
  /** The name of its folder in `webview`, its file in `src/protocol` and its folder here. */
  readonly name: string;
  /** Title of its pages. */
  readonly title: string;
  /** Returns undefined for anything that is not a message. */
  readonly readMessage: (value: unknown) => ToHost | undefined;
  /** Reads what a page kept across a reload of the window; undefined for anything else. */
  readonly readState: (value: unknown) => State | undefined;
}

/** The messages that a panel answers: all except `ready`. */
export type Asked<ToHost> = ToHost extends { readonly type: infer T }
  ? 'ready' extends T
    ? { readonly type: Exclude<T, 'ready'> }
    : ToHost
  : never;

export interface PageListener<ToHost> {
  /** Called before {@link show}. Until it resolves, nothing is sent to the page. */
  readonly prepare?: () => Promise<void>;
  /** The page has loaded, for the first time or again, and knows nothing. Send everything it shows. */
  readonly show: () => void | Promise<void>;
  readonly answer: (message: Asked<ToHost>) => void | Promise<void>;
  /** The page was hidden, which also discards it. */
  readonly hidden?: () => void;
}

/** What a page may do and read: run scripts, and load nothing but our own built files. */
export function pageOptions(extensionUri: vscode.Uri): vscode.WebviewOptions {
  return { enableScripts: true, localResourceRoots: [vscode.Uri.joinPath(extensionUri, 'dist', 'webview')] };
}

/** The host's side of the connection to a page. It drops what is not a message, and sends only to a page that has loaded. */
export class Page<ToPage extends { readonly type: string }, ToHost extends { readonly type: string }> {
  readonly #problems: Problems;
  readonly #subscriptions: vscode.Disposable;
  /** Messages that arrived before anybody listened. */
  readonly #early: ToHost[] = [];
  #listener: PageListener<ToHost> | undefined;
  #isReady = false;
  #isClosed = false;
  /** How often the page was hidden. */
  #hidden = 0;

  /** Loads the page into a panel: `webview/<name>`, built to `dist/webview/<name>.js` and `.css`. */
  constructor(
    readonly panel: vscode.WebviewPanel,
    extensionUri: vscode.Uri,
    { name, title, readMessage }: Pick<PanelKind<ToHost, unknown>, 'name' | 'title' | 'readMessage'>,
    problems: Problems,
  ) {
    this.#problems = problems;
    const { webview } = panel;
    this.#subscriptions = vscode.Disposable.from(
      webview.onDidReceiveMessage((value: unknown) => {
        const message = readMessage(value);
        if (message !== undefined) this.#receive(message);
      }),
      // VS Code discards a hidden page. It sends `ready` when it is back; until then nobody would receive a message.
      panel.onDidChangeViewState(() => {
        if (panel.visible) return;
        this.#hidden++;
        this.#isReady = false;
        this.#listener?.hidden?.();
      }),
      panel.onDidDispose(() => {
        this.#isClosed = true;
        this.#isReady = false;
      }),
    );
    const asset = (file: string): string => webview.asWebviewUri(vscode.Uri.joinPath(extensionUri, 'dist', 'webview', file)).toString();
    panel.iconPath = vscode.Uri.joinPath(extensionUri, 'media', 'icon.svg');
    webview.html = pageHtml({
      view: name,
      title,
      cspSource: webview.cspSource,
      script: asset(`${name}.js`),
      style: asset(`${name}.css`),
      nonce: randomBytes(16).toString('hex'),
    });
  }

  /** Whether the page has loaded and can be sent to. */
  get isReady(): boolean {
    return this.#isReady;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Call it once. Messages that came earlier are delivered now. */
  listen(listener: PageListener<ToHost>): void {
    this.#listener = listener;
    for (const message of this.#early.splice(0)) this.#receive(message);
  }

  /** @returns true once the page has the message; false if the page is not there and the message was dropped */
  async send(message: ToPage): Promise<boolean> {
    if (!this.#isReady) return false;
    return Promise.resolve(this.panel.webview.postMessage(message)).catch(() => false);
  }

  /** Stops listening. The panel itself stays open. */
  dispose(): void {
    this.#isReady = false;
    this.#subscriptions.dispose();
  }

  #receive(message: ToHost): void {
    const listener = this.#listener;
    if (listener === undefined) {
      this.#early.push(message);
      return;
    }
    const answer = message.type === 'ready' ? this.#begin(listener) : listener.answer(message as unknown as Asked<ToHost>);
    Promise.resolve(answer).catch((error: unknown) => this.#problems.show(error));
  }

  async #begin(listener: PageListener<ToHost>): Promise<void> {
    const hidden = this.#hidden;
    if (listener.prepare !== undefined) await listener.prepare();
    if (this.#isClosed || this.#hidden !== hidden) return;
    this.#isReady = true;
    await listener.show();
  }
}

/** Has a panel say something: such a page has no script and reads nothing. */
export function loadText({ webview, title }: vscode.WebviewPanel, text: string): void {
  webview.html = textHtml(title, text);
}
