import '../ui/base.css';
import '../plan/plan.css';
import './packing.css';

import { readPackingHostMessage } from '../../src/protocol/packing.js';
import { startPage } from '../ui/host.js';
import { PackingView } from './view.js';

startPage('packing', readPackingHostMessage, (root, host) => new PackingView(root, host));
