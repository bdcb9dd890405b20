import { registerControls } from './controls.js';

/** The page's side of the connection to the extension host. `State`: what the page keeps. */
export interface Host<Message, State> {
  post(message: Message): void;
  /** VS Code keeps it across a reload of the window. */
  keep(state: State): void;
  /** What the page kept last. */
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
 * Creates the page's view and tells the host that the page is ready; the host then sends what it shows. Call it once.
 *
 * @param name the panel's name, which is also the id of the page's main element
 * @param read checks a message; returns undefined for anything else
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
