import { readEventEnds } from '../events/event-ends.js';
import { listRuns } from '../run/folder.js';
import { RunHistory } from '../history/history.js';

/** How fast an earlier run of this workspace went. */
export interface EarlierPace {
  readonly run: string;
  /** Absolute path of the model folder. */
  readonly model: string;
  readonly backend: string;
  readonly device: string;
  /** Per token of the plan, whole steps; undefined when it has too few of them. */
  readonly secondsPerToken: number | undefined;
  /** Measured rate of matrix products on its device, FLOP/s. */
  readonly ceiling: number | undefined;
}

/** Runs that are looked at: older ones say little about the machine as it is now. */
const MOST_RUNS = 40;

/** The paces of the newest runs, newest first. Reads the ends of their logs only. */
export async function earlierPaces(runsFolders: readonly string[]): Promise<EarlierPace[]> {
  const paces: EarlierPace[] = [];
  for (const runs of runsFolders) {
    const listings = await listRuns(runs).catch(() => []);
    for (const listing of listings.slice(0, MOST_RUNS)) {
      if (listing.problem !== undefined) continue;
      const history = new RunHistory();
      for (const event of await readEventEnds(listing.folder)) history.add(event);
      if (history.start === undefined) continue;
      paces.push({
        run: listing.config.name,
        model: listing.config.model.path,
        backend: history.start.backend,
        device: history.start.device,
        secondsPerToken: secondsPerToken(history),
        ceiling: history.ceilingFlops,
      });
    }
  }
  return paces;
}

/** Over the steps that are known but the first, which pays for memory that is touched for the first time. */
function secondsPerToken({ steps, columns }: RunHistory): number | undefined {
  let [seconds, tokens] = [0, 0];
  for (let row = 0; row < steps.length; row++) {
    if (steps[row] === 1) continue;
    seconds += columns.seconds[row] as number;
    tokens += columns.tokens[row] as number;
  }
  return tokens > 0 && seconds > 0 ? seconds / tokens : undefined;
}
