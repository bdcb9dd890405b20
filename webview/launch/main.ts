import '../ui/base.css';
import '../ui/form.css';
import './launch.css';

import { type LaunchPageMessage, readLaunchHostMessage } from '../../src/protocol/launch.js';
import { registerControls } from '../ui/controls.js';
import { LaunchView } from './view.js';

declare function acquireVsCodeApi(): { postMessage(message: LaunchPageMessage): void; setState(state: unknown): void };

const host = acquireVsCodeApi();

registerControls();
const view = new LaunchView(document.getElementById('launch')!, (message) => host.postMessage(message));

window.addEventListener('message', ({ data }) => {
  const message = readLaunchHostMessage(data);
  switch (message?.type) {
    case 'form':
      host.setState({ form: message.id });
      view.setForm(message.form, message.values);
      break;
    case 'values':
      view.setValues(message.values);
      break;
    case 'state':
      view.setState(message.state);
      break;
    case 'forecast':
      view.setForecast(message.forecast);
      break;
  }
});

host.postMessage({ type: 'ready' });
