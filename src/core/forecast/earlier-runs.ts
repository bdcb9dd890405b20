import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';

import { forwardAgain, type RecomputedLayers, type RunnerOptions } from '../options/index.js';
import { readEventEnds } from '../events/event-ends.js';
import { listRuns } from '../run/folder.js';
import { RunHistory } from '../history/history.js';
import type { TimeSpent } from '../history/phase-clock.js';

/** What an earlier run of this workspace took. */
export interface EarlierRun {
  readonly run: string;
  /** Absolute path of the model folder. */
  readonly model: string;
  readonly backend: string;
  readonly device: string;
  readonly precision: RunnerOptions['precision'];
  /** Whether it trained an adapter alone. */
  readonly adapter: boolean;
  /** Weights of the model. */
  readonly parameters: number;
  /** Per token of the plan, whole steps; undefined when it has too few of them. */
  readonly secondsPerToken: number | undefined;
  /** What part of a forward pass its backward passes computed again; absent where that is not known. */
  readonly forwardAgain?: number | undefined;
  /** Measured rate of matrix products on its device, FLOP/s. */
  readonly ceiling: number | undefined;
  /** Seconds by phase, of a run that went from start to end in one go and said so itself. */
  readonly spent: TimeSpent['seconds'] | undefined;
  /** Bytes of its export, where that is still there. */
  readonly exportedBytes: number | undefined;
}

/** Runs that are looked at: older ones say little about the machine as it is now. */
const MOST_RUNS = 40;

/** What the newest runs took, newest first. Reads the ends of their logs only. */
export async function earlierRuns(runsFolders: readonly string[]): Promise<EarlierRun[]> {
  const found: EarlierRun[] = [];
  for (const runs of runsFolders) {
    const listings = await listRuns(runs).catch(() => []);
    for (const listing of listings.slice(0, MOST_RUNS)) {
      if (listing.problem !== undefined) continue;
      const history = new RunHistory();
      for (const event of await readEventEnds(listing.folder)) history.add(event);
      const { start, timeSpent } = history;
      if (start === undefined) continue;
      const isWhole = timeSpent?.sessions === 1 && timeSpent.estimated === 0 && history.terminal?.type === 'finished';
      found.push({
        run: listing.config.name,
        model: path.resolve(listing.folder, listing.config.model.path),
        backend: start.backend,
        device: start.device,
        precision: listing.config.runner.precision,
        adapter: listing.config.training.use_peft,
        parameters: start.parameters,
        secondsPerToken: secondsPerToken(history),
        forwardAgain: forwardAgainOf(listing.config.runner.recompute, history.recompute),
        ceiling: history.ceilingFlops,
        spent: isWhole ? timeSpent.seconds : undefined,
        exportedBytes: isWhole ? await bytesIn(path.join(listing.folder, 'export')) : undefined,
      });
    }
  }
  return found;
}

/** What the runner said; of one that knew no `auto`, what it was asked for, which was nothing where nobody asked. */
function forwardAgainOf(asked: RunnerOptions['recompute'], said: RecomputedLayers | undefined): number {
  return said === undefined ? forwardAgain(asked, undefined) : forwardAgain('auto', said);
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

/** Bytes of the weight files of a folder; undefined when there are none. */
async function bytesIn(folder: string): Promise<number | undefined> {
  const names = await readdir(folder).catch(() => []);
  const sizes = names
    .filter((name) => name.endsWith('.safetensors'))
    .map((name) =>
      stat(path.join(folder, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    );
  const bytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  return bytes > 0 ? bytes : undefined;
}
