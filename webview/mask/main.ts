import '../ui/base.css';
import '../plan/plan.css';
import './mask.css';

import { type MaskPageMessage, readMaskHostMessage } from '../../src/protocol/mask.js';
import { registerControls } from '../ui/controls.js';
import { connectHost } from '../ui/host.js';
import { MaskView } from './view.js';

registerControls();
const host = connectHost<MaskPageMessage, NonNullable<ReturnType<typeof readMaskHostMessage>>>(
  readMaskHostMessage,
  (message) => view.receive(message),
);
const view = new MaskView(document.getElementById('mask')!, host);
host.post({ type: 'ready' });
