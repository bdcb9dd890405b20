import * as vscode from 'vscode';

import { DiskCache } from '../core/files/disk-cache.js';
import { plural } from '../format.js';
import { showInformation, showWarning } from './messages.js';

/** Most bytes that tokens and plans of earlier work may take, by the user's settings. */
export function cacheLimitSetting(): number {
  return 1e9 * vscode.workspace.getConfiguration('wishbone').get('cache.sizeLimit', 5);
}

/** Removes what is kept of earlier work, after asking. Runs are not touched. */
export async function clearCache(): Promise<void> {
  const cache = new DiskCache(undefined, cacheLimitSetting());
  const { entries, bytes } = await cache.use();
  const size = `${(bytes / 1e6).toFixed(0)} MB`;
  const clear = 'Clear Cache';
  const choice = await showWarning(
    'Clear the Wishbone cache?',
    {
      modal: true,
      detail:
        `Tokens and plans (${plural(entries, 'file')}, ${size}), and reference log-probabilities, in ` +
        `${cache.folder}. They are recreated when needed; runs are not affected.`,
    },
    clear,
  );
  if (choice !== clear) return;
  await cache.clear();
  void showInformation(`Wishbone: cache cleared, ${size} freed.`);
}
