import * as vscode from 'vscode';

import { earlierPaces, type ForecastMeans } from '../../core/forecast/index.js';
import { runTask } from '../../core/tasks/index.js';
import { cacheLimitSetting } from '../cache.js';
import type { Runner } from '../runner/runner.js';
import type { RunStore } from '../runs/run-store.js';

/** How this window makes forecasts: by planning in a thread, from the pace of earlier runs, and by asking the runner if allowed. */
export function forecastMeans(runner: Runner, store: RunStore): ForecastMeans {
  return {
    plan: (request, work) => runTask('forecast', { ...request, cacheLimit: cacheLimitSetting() }, work),
    backends: () => runner.backends(),
    paces: () => earlierPaces(store.runsFolders),
    mayAskRunner: () => vscode.workspace.isTrusted,
  };
}
