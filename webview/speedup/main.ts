import '../ui/base.css';
import '../ui/form.css';
import './speedup.css';

import { readSpeedupHostMessage, type SpeedupPageMessage } from '../../src/protocol/speedup.js';
import { registerControls } from '../ui/controls.js';
import { SpeedupView } from './view.js';

declare function acquireVsCodeApi(): { postMessage(message: SpeedupPageMessage): void; setState(state: unknown): void };

const host = acquireVsCodeApi();

registerControls();
const view = new SpeedupView(
  document.getElementById('speedup')!,
  (message) => host.postMessage(message),
  (values) => host.setState({ values }),
);

window.addEventListener('message', ({ data }) => {
  const message = readSpeedupHostMessage(data);
  switch (message?.type) {
    case 'form':
      view.setForm(message.fields, message.values);
      break;
    case 'values':
      view.setValues(message.values);
      break;
    case 'state':
      view.setState(message.state);
      break;
    case 'prediction':
      view.setPrediction(message.prediction);
      break;
    case 'history':
      view.setHistory(message.history, message.shown);
      break;
  }
});

host.postMessage({ type: 'ready' });
