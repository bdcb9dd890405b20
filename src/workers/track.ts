// Sends a run to its trackers, until it has ended and they have all of it. Started by `startTracking`; outlives whoever started it.
import { setPriority } from 'node:os';
import { TRACKER_LABELS, trackRun } from '../core/trackers/index.js';

const LOWEST_PRIORITY = 10;

async function main(folder: string): Promise<void> {
  try {
    setPriority(LOWEST_PRIORITY);
  } catch {
    // Then it runs as others do: it does little.
  }
  const say = (text: string): void => console.log(`${new Date().toISOString()} ${text}`);
  const tracked = await trackRun(folder, {
    onTrouble: (name, { what, where, advice }) => say(`${TRACKER_LABELS[name]}: ${what} (${where}). ${advice}`),
  });
  for (const { name, complete } of tracked ?? [])
    say(`${TRACKER_LABELS[name]}: ${complete ? 'has all of the run' : 'does not have all of the run'}`);
}

main(process.argv[2] ?? '').catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
