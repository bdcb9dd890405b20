import * as vscode from 'vscode';

import { askFor, endSender, readAsked, startTracking, TRACKER_LABELS, TRACKERS } from '../../core/trackers/index.js';
import { showInformation } from '../messages.js';
import type { TrackerSettings } from './tracker-settings.js';

/**
 * Sends a run to its trackers at once, with what the settings say now; one that is sent to none is asked about first.
 *
 * @throws WishboneError for a tracker that nothing says the place of
 */
export async function sendRun(folder: string, name: string, settings: TrackerSettings): Promise<void> {
  if ((await readAsked(folder)) === undefined) {
    const items = TRACKERS.map((tracker) => ({ label: TRACKER_LABELS[tracker], tracker }));
    const picked = await vscode.window.showQuickPick(items, { title: `Send ${name} to`, canPickMany: true });
    if (picked === undefined || picked.length === 0) return;
    await askFor(folder, settings.placesOf(picked.map(({ tracker }) => tracker).join()));
  }
  await endSender(folder);
  await startTracking(folder, await settings.variables());
  void showInformation(`${name} is being sent to its trackers.`);
}
