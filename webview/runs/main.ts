import '../ui/base.css';
import '../ui/table.css';
import './runs.css';

import { readRunsHostMessage } from '../../src/protocol/runs.js';
import { startPage } from '../ui/host.js';
import { RunsView } from './view.js';

startPage('runs', readRunsHostMessage, (root, host) => new RunsView(root, host));
