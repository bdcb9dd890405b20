import { registerControls } from './controls.js';

/** The page's side of the line to the extension host. `State`: what the page keeps. */
export interface Host<Message, State> {
  post(message: Message): void;
  /** Kept by VS Code over a reload of the window. */
  keep(state: State): void;
  /** What was kept last. */
  readonly kept: unknown;
}

/** What a page shows. */
export interface PageView<Message> {
  receive(message: Message): void;
}

declare function acquireVsCodeApi(): {
  postMessage(message: unknown): void;
  setState(state: unknown): void;
  getState(): unknown;
};

/**
 * Fills the page and tells the host that it is there, which then sends what the page is to show. Once a page.
 *
 * @param name of the panel: id of the page's main element
 * @param read checks a message; undefined for what is none
 */
export function startPage<In, Out extends { readonly type: string }, State>(
  name: string,
  read: (value: unknown) => In | undefined,
  makeView: (root: HTMLElement, host: Host<Out, State>) => PageView<In>,
): void {
  registerControls();
  const api = acquireVsCodeApi();
  const view = makeView(document.getElementById(name)!, {
    post: (message) => api.postMessage(message),
    keep: (state) => api.setState(state),
    kept: api.getState(),
  });
  window.addEventListener('message', ({ data }) => {
    const message = read(data);
    if (message !== undefined) view.receive(message);
  });
  api.postMessage({ type: 'ready' });
}
