import * as vscode from 'vscode';

import { earlierRuns, type ForecastMeans, suitedCapacity } from '../../core/forecast/index.js';
import { LEAST_CAPACITY } from '../../core/options/index.js';
import { runTask } from '../../core/tasks/index.js';
import { cacheLimitSetting } from '../cache.js';
import type { Runner } from '../runner/runner.js';
import type { RunStore } from '../runs/run-store.js';
import { requireReadable } from '../trust.js';

/** How this window makes forecasts: by planning in a thread, from the pace of earlier runs, and by asking the runner if allowed. */
export function forecastMeans(runner: Runner, store: RunStore): ForecastMeans {
  return {
    plan: async (request, work) => {
      requireReadable(request.model, ...[request.dataset].flat(), ...[request.evalDataset ?? []].flat());
      return runTask('forecast', { ...request, cacheLimit: cacheLimitSetting() }, work);
    },
    backends: () => runner.backends(),
    capacity: async (request) =>
      vscode.workspace.isTrusted ? suitedCapacity(request, { backends: () => runner.backends() }) : LEAST_CAPACITY,
    earlier: () => earlierRuns(store.runsFolders),
    mayAskRunner: () => vscode.workspace.isTrusted,
  };
}
