import '../ui/base.css';
import '../ui/form.css';
import './try.css';

import { readTryHostMessage, readTryPageState, type TryPageMessage } from '../../src/protocol/try.js';
import { registerControls } from '../ui/controls.js';
import { TryView } from './view.js';

declare function acquireVsCodeApi(): {
  postMessage(message: TryPageMessage): void;
  setState(state: unknown): void;
  getState(): unknown;
};

const host = acquireVsCodeApi();

registerControls();
const kept = readTryPageState(host.getState());
const view = new TryView(
  document.getElementById('try')!,
  kept,
  (message) => host.postMessage(message),
  (state) => host.setState(state),
);

window.addEventListener('message', ({ data }) => {
  const message = readTryHostMessage(data);
  if (message !== undefined) view.show(message.folder, message.state);
});

host.postMessage({ type: 'ready' });
