import '../ui/base.css';
import '../plan/plan.css';
import './mask.css';

import { readMaskHostMessage } from '../../src/protocol/mask.js';
import { startPage } from '../ui/host.js';
import { MaskView } from './view.js';

startPage('mask', readMaskHostMessage, (root, host) => new MaskView(root, host));
