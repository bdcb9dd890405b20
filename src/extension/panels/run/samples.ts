import { WishboneError } from '../../../core/errors.js';
import { runTask } from '../../../core/tasks/index.js';
import type { RunHostMessage } from '../../../protocol/run.js';
import { requireReadable } from '../../trust.js';
import type { LiveRun } from '../../runs/live-run.js';

/** What the panel is told of a run's samples: their texts, or why there are none. */
export async function readSamples({
  config,
  history,
}: Pick<LiveRun, 'config' | 'history'>): Promise<Extract<RunHostMessage, { type: 'samples' }>> {
  try {
    requireReadable(config.model.path);
    const samples = await runTask('decode', { model: config.model.path, samples: history.samples });
    return { type: 'samples', samples: [...samples], problem: '' };
  } catch (error) {
    if (!(error instanceof WishboneError)) throw error;
    return { type: 'samples', samples: [], problem: `${error.what} (${error.where})` };
  }
}
