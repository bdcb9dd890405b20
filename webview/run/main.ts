import '../ui/base.css';
import './run.css';

import { type PanelMessage, type PanelRequest, readHostMessage } from '../../src/protocol.js';
import { registerControls } from '../ui/controls.js';
import { RunView } from './view.js';

declare function acquireVsCodeApi(): { postMessage(message: PanelMessage): void; setState(state: unknown): void };

const host = acquireVsCodeApi();
const ask = (type: PanelRequest): void => host.postMessage({ type });

registerControls();
const view = new RunView(document.getElementById('run')!, ask);

window.addEventListener('message', ({ data }) => {
  const message = readHostMessage(data);
  switch (message?.type) {
    case 'header':
      // Kept by VS Code over a reload of the window: it is how the host finds the run for this panel again.
      host.setState({ folder: message.header.folder });
      view.setHeader(message.header);
      break;
    case 'status':
      view.setStatus(message.status);
      break;
    case 'series':
      if (!view.setSeries(message.update)) ask('ready');
      break;
    case 'empty':
      view.showEmpty(message.reason);
      break;
  }
});

ask('ready');
