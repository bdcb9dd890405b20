import '../ui/base.css';
import '../ui/form.css';
import './speedup.css';

import { readSpeedupHostMessage } from '../../src/protocol/speedup.js';
import { startPage } from '../ui/host.js';
import { SpeedupView } from './view.js';

startPage('speedup', readSpeedupHostMessage, (root, host) => new SpeedupView(root, host));
