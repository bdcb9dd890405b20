import { prepareRun, type ReadyTokens, writePlanned } from '../core/prepare/index.js';
import { serveTasks } from '../core/tasks/index.js';
import { findDataset, tokeniseDataset } from '../core/tokenise/index.js';

let ready: ReadyTokens | undefined;

serveTasks({
  prepare: (request, work) => prepareRun(request, work, ready),
  tokenise: async (request, work) => {
    const found = await findDataset(request, work.signal);
    ready = { key: found.key, dataset: await tokeniseDataset(request, work, found) };
  },
  plan: writePlanned,
});
