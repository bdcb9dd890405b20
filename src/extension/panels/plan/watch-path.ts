import { type StatsListener, unwatchFile, watchFile } from 'node:fs';

import type { Disposable } from 'vscode';

const INTERVAL_MILLISECONDS = 2000;

/**
 * Calls back when a file or folder appears, changes or disappears, whoever caused it. It polls, because remote file systems
 * send no events.
 */
export function watchPath(path: string, onChange: () => void): Disposable {
  const listener: StatsListener = () => onChange();
  watchFile(path, { interval: INTERVAL_MILLISECONDS, persistent: false }, listener);
  return { dispose: () => unwatchFile(path, listener) };
}
