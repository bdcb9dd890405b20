import '../ui/base.css';
import './run.css';

import { readRunHostMessage } from '../../src/protocol/run.js';
import { startPage } from '../ui/host.js';
import { RunView } from './view.js';

startPage('run', readRunHostMessage, (root, host) => new RunView(root, host));
