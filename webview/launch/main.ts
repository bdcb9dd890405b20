import '../ui/base.css';
import '../ui/form.css';
import './launch.css';

import { readLaunchHostMessage } from '../../src/protocol/launch.js';
import { startPage } from '../ui/host.js';
import { LaunchView } from './view.js';

startPage('launch', readLaunchHostMessage, (root, host) => new LaunchView(root, host));
