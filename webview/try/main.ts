import '../ui/base.css';
import '../ui/form.css';
import './try.css';

import { readTryHostMessage } from '../../src/protocol/try.js';
import { startPage } from '../ui/host.js';
import { TryView } from './view.js';

startPage('try', readTryHostMessage, (root, host) => new TryView(root, host));
