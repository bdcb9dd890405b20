import { randomBytes } from 'node:crypto';

import * as vscode from 'vscode';

import type { Problems } from '../problems.js';
import { pageHtml } from './html.js';

/** What makes one kind of panel another than the others. */
export interface PanelKind<ToHost, State> {
  /** Its folder of `webview`, its file of `src/protocol`, and its folder here. */
  readonly name: string;
  /** Of its pages. */
  readonly title: string;
  /** Undefined for what is no message. */
  readonly readMessage: (value: unknown) => ToHost | undefined;
  /** What a page kept over a reload of the window; undefined for anything else. */
  readonly readState: (value: unknown) => State | undefined;
}

/** What a page asks beside being shown. */
export type Asked<ToHost> = ToHost extends { readonly type: infer T }
  ? 'ready' extends T
    ? { readonly type: Exclude<T, 'ready'> }
    : ToHost
  : never;

export interface PageListener<ToHost> {
  /** Comes before {@link show}; until it resolves, nothing reaches the page. */
  readonly prepare?: () => Promise<void>;
  /** The page is there, for the first time or again, and knows nothing: sends all that it is to show. */
  readonly show: () => void | Promise<void>;
  readonly answer: (message: Asked<ToHost>) => void | Promise<void>;
  /** The page is hidden, and with that thrown away. */
  readonly hidden?: () => void;
}

/** What a panel's page may do and read: scripts, and nothing but our own built files. */
export function pageOptions(extensionUri: vscode.Uri): vscode.WebviewOptions {
  return { enableScripts: true, localResourceRoots: [vscode.Uri.joinPath(extensionUri, 'dist', 'webview')] };
}

/** The host's side of the line to a page: hears what is a message, and speaks only to a page that is there. */
export class Page<ToPage extends { readonly type: string }, ToHost extends { readonly type: string }> {
  readonly #problems: Problems;
  readonly #subscriptions: vscode.Disposable;
  /** What the page said before anybody listened. */
  readonly #early: ToHost[] = [];
  #listener: PageListener<ToHost> | undefined;
  #isReady = false;
  #isClosed = false;
  /** Times it was hidden. */
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
      // A hidden page is thrown away and says `ready` when it comes back; until then there is nobody to write to.
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

  /** Whether the page is there and has been sent what it shows. */
  get isReady(): boolean {
    return this.#isReady;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** To be called once; what the page has said by then comes now. */
  listen(listener: PageListener<ToHost>): void {
    this.#listener = listener;
    for (const message of this.#early.splice(0)) this.#receive(message);
  }

  /** @returns true once the page has it; what is sent to a page that is not there is dropped */
  async send(message: ToPage): Promise<boolean> {
    if (!this.#isReady) return false;
    return Promise.resolve(this.panel.webview.postMessage(message)).catch(() => false);
  }

  /** Lets go of the panel, which stays as it is. */
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
