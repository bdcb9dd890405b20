import path from 'node:path';

import * as vscode from 'vscode';

import type { Progress, WorkOptions } from '../core/work/progress.js';
import { progressText } from './plan-progress-text.js';
import { withProgress } from './messages.js';

/**
 * Makes a plan with its progress in a notification that has a way out.
 *
 * @returns what the work made; undefined when it was cancelled
 */
export async function withPlanProgress<T>(dataset: string, work: (options: WorkOptions) => Promise<T>): Promise<T | undefined> {
  return withProgress(
    {
      location: vscode.ProgressLocation.Notification,
      title: `Planning ${path.basename(dataset)}`,
      cancellable: true,
    },
    async (progress, token) => {
      const abort = new AbortController();
      token.onCancellationRequested(() => abort.abort());
      let reported = 0;
      const onProgress = (now: Progress): void => {
        const percent = now.total > 0 ? (100 * now.done) / now.total : 0;
        // Each phase fills the bar anew; VS Code's bar only goes forward, so later phases keep to the text.
        const increment = Math.max(0, percent - reported);
        reported += increment;
        progress.report({ message: progressText(now), increment });
      };
      try {
        return await work({ onProgress, signal: abort.signal });
      } catch (error) {
        if (abort.signal.aborted) return undefined;
        throw error;
      }
    },
  );
}
