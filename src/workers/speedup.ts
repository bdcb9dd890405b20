// Measures shared against naive off the main thread: planning takes what time it needs. For the speedup panel.
import { measureSpeedup, type SpeedupRequest } from '../core/speedup/index.js';
import { serveTask } from '../core/worker-task.js';

void serveTask((request: SpeedupRequest, work) => measureSpeedup(request, work));
