// Checks preference files. Started by `CheckWorker`.
import { serveChecks } from '../core/checks/service/service.js';
import { GiveWay } from '../core/work/give-way.js';
import { threadChannel } from '../core/transport/index.js';

// Large files are checked in the background and must not slow down the window.
serveChecks(threadChannel(), new GiveWay());
