import '../ui/base.css';
import '../ui/table.css';
import './table.css';

import { readTableHostMessage } from '../../src/protocol/table.js';
import { startPage } from '../ui/host.js';
import { DatasetView } from './view.js';

startPage('table', readTableHostMessage, (root, host) => new DatasetView(root, host));
