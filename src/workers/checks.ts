// Checks preference files. Started by `CheckWorker`.
import { serveChecks } from '../core/checks/service/service.js';
import { GiveWay } from '../core/work/give-way.js';
import { threadChannel } from '../core/transport/index.js';

// A large file is checked in the background; the window is not to wait for it.
serveChecks(threadChannel(), new GiveWay());
