import '../ui/base.css';
import './run.css';

import { type RunPageMessage, readRunHostMessage } from '../../src/protocol/run.js';
import { registerControls } from '../ui/controls.js';
import { RunView } from './view.js';

declare function acquireVsCodeApi(): { postMessage(message: RunPageMessage): void; setState(state: unknown): void };

const host = acquireVsCodeApi();

registerControls();
const view = new RunView(document.getElementById('run')!, (message) => host.postMessage(message));

window.addEventListener('message', ({ data }) => {
  const message = readRunHostMessage(data);
  switch (message?.type) {
    case 'runs':
      view.setRuns(message);
      break;
    case 'header': {
      view.setHeader(message);
      const { folders } = view;
      // Kept by VS Code over a reload of the window: it is how the host finds the runs for this panel again.
      if (folders.length > 0) host.setState({ folders });
      break;
    }
    case 'status':
      view.setStatus(message);
      break;
    case 'series':
      if (!view.setSeries(message)) host.postMessage({ type: 'ready' });
      break;
    case 'evals':
      view.setEvals(message);
      break;
    case 'samples':
      view.showSamples(message);
      break;
    case 'log':
      view.showLog(message);
      break;
    case 'preview':
      view.setPreview(message);
      break;
    case 'empty':
      view.showEmpty(message.reason);
      break;
  }
});

host.postMessage({ type: 'ready' });
