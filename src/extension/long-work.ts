import * as vscode from 'vscode';

import type { Progress } from '../core/work/progress.js';
import { withProgress } from './messages.js';

/**
 * Does something that takes long, in a notification that tells how far it is and can cancel it.
 *
 * @param say how far it is, in words
 * @returns undefined when it was cancelled
 */
export async function longWork<T>(
  title: string,
  say: (progress: Progress) => string,
  task: (work: { readonly signal: AbortSignal; onProgress(progress: Progress): void }) => Promise<T>,
): Promise<T | undefined> {
  return withProgress({ location: vscode.ProgressLocation.Notification, title, cancellable: true }, async (progress, token) => {
    const end = new AbortController();
    token.onCancellationRequested(() => end.abort(new Error('cancelled')));
    try {
      return await task({ signal: end.signal, onProgress: (now) => progress.report({ message: say(now) }) });
    } catch (error) {
      if (end.signal.aborted) return undefined;
      throw error;
    }
  });
}
