import '../ui/base.css';
import '../plan/plan.css';
import './packing.css';

import { type PackingPageMessage, readPackingHostMessage } from '../../src/protocol/packing.js';
import { registerControls } from '../ui/controls.js';
import { connectHost } from '../ui/host.js';
import { PackingView } from './view.js';

registerControls();
const host = connectHost<PackingPageMessage, NonNullable<ReturnType<typeof readPackingHostMessage>>>(
  readPackingHostMessage,
  (message) => view.receive(message),
);
const view = new PackingView(document.getElementById('packing')!, host);
host.post({ type: 'ready' });
