import { stat } from 'node:fs/promises';
import path from 'node:path';
import { EVENTS_FILE } from '../events/event-reader.js';
import { isActive, runState } from '../run/state.js';
import { readAsked, trackersIn } from './asked.js';
import { deliver, type DeliverOptions } from './deliver.js';
import { becomeSender } from './lock.js';
import { readRecord, type Trouble } from './record.js';
import type { TrackerName } from './report-to.js';
import { WANDB_FOLDER } from './wandb/tracker.js';

/** How a run stands with one of its trackers. */
export interface Tracked {
  readonly name: TrackerName;
  /** Its page there. */
  readonly url: string | undefined;
  /** What uploads it, where that is left to whom it belongs to. */
  readonly command?: string | undefined;
  /** All of the run so far was sent. */
  readonly complete: boolean;
  readonly trouble: Trouble | undefined;
}

/**
 * Sends a run to all its trackers until it has ended and they have everything, or nothing more can be done now. Each goes at its own pace.
 *
 * @returns how it stands with each; undefined when another process sends this run
 * @throws the signal's reason
 */
export async function trackRun(folder: string, options: DeliverOptions = {}): Promise<readonly Tracked[] | undefined> {
  const asked = await readAsked(folder);
  if (asked === undefined) return [];
  for (let isFirst = true; ; isFirst = false) {
    const giveUp = await becomeSender(folder);
    if (giveUp === undefined) return isFirst ? undefined : trackedRun(folder);
    try {
      await Promise.all(trackersIn(asked).map((name) => deliver(folder, name, asked, options)));
    } finally {
      await giveUp();
    }
    // It may have been resumed meanwhile by somebody who saw this process at it.
    if (!isActive(await runState(folder))) return trackedRun(folder);
  }
}

/** How a run stands with its trackers; none when it names none. */
export async function trackedRun(folder: string): Promise<readonly Tracked[]> {
  const asked = await readAsked(folder);
  if (asked === undefined) return [];
  const size = await stat(path.join(folder, EVENTS_FILE)).then(
    (info) => info.size,
    () => 0,
  );
  return Promise.all(
    trackersIn(asked).map(async (name) => {
      const { url, complete, trouble, cursor, remote } = await readRecord(folder, name);
      const upload = name === 'wandb' ? remote['folder'] : undefined;
      return {
        name,
        url,
        ...(upload && { command: `wandb sync ${path.join(folder, WANDB_FOLDER, upload)}` }),
        complete: complete && size <= cursor.bytes,
        trouble,
      };
    }),
  );
}
