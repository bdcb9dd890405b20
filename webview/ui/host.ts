/** The page's side of the line to the extension host. */
export interface Host<Message> {
  post(message: Message): void;
  /** Kept by VS Code over a reload of the window. */
  keep(state: unknown): void;
}

declare function acquireVsCodeApi(): { postMessage(message: unknown): void; setState(state: unknown): void };

/**
 * Connects to the host; works once a page.
 *
 * @param read checks a message; undefined for what is none
 */
export function connectHost<Out, In>(
  read: (value: unknown) => In | undefined,
  receive: (message: In) => void,
): Host<Out> {
  const api = acquireVsCodeApi();
  window.addEventListener('message', ({ data }) => {
    const message = read(data);
    if (message !== undefined) receive(message);
  });
  return { post: (message) => api.postMessage(message), keep: (state) => api.setState(state) };
}
