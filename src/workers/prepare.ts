import { prepareRun, writePlanned } from '../core/prepare/index.js';
import { serveTasks } from '../core/tasks/index.js';
import { tokeniseDataset } from '../core/tokenise/index.js';

serveTasks({ prepare: prepareRun, tokenise: async (request, work) => void (await tokeniseDataset(request, work)), plan: writePlanned });
