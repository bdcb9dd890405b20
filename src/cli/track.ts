import { type Command, InvalidArgumentError } from 'commander';
import { setTimeout as sleep } from 'node:timers/promises';
import { ExitCode, WishboneError } from '../core/errors.js';
import { isActive, RUNS_FOLDER, runState } from '../core/run/index.js';
import {
  askFor,
  placesOf,
  readAsked,
  REPORT_TO,
  type ReportTo,
  endSender,
  senderOf,
  startTracking,
  type Tracked,
  TRACKER_LABELS,
  trackedRun,
  trackersOf,
  trackRun,
} from '../core/trackers/index.js';
import { findRun, RUN_HELP } from './find-run.js';
import { cancellable } from './interrupt.js';
import { columns, StatusLine } from './terminal.js';

/** Milliseconds that `wishbone train` waits for trackers once the run has ended, and `wishbone track` for one that cannot be reached. */
const MOST_TO_WAIT = 10_000;
const LOOK_MILLISECONDS = 500;

const NAMES = `separated by commas: ${REPORT_TO.join(', ')}`;
export const REPORT_TO_HELP = `trackers to send the run to, ${NAMES} (docs/trackers.md)`;

interface Options {
  readonly runs: string;
  readonly reportTo?: readonly ReportTo[];
  readonly json?: boolean;
}

export function addTrackCommand(program: Command): void {
  program
    .command('track')
    .summary('send a run to its trackers: what they do not have yet')
    .description(
      'Sends what the trackers of a run (report_to) do not have yet: after one of them could not be reached, or for a run that was made\n' +
        'without any. Where they are is said by their own variables, such as MLFLOW_TRACKING_URI (docs/trackers.md).',
    )
    .argument('<run>', RUN_HELP)
    .option('--runs <folder>', 'folder of the runs', RUNS_FOLDER)
    .option('--report-to <names>', `more trackers to send it to, ${NAMES}`, parseReportTo)
    .option('--json', 'print one JSON object')
    .action(trackCommand);
}

/** A value of `--report-to`. */
export function parseReportTo(text: string): readonly ReportTo[] {
  const names = text.split(',').map((name) => name.trim());
  const stranger = names.find((name) => !(REPORT_TO as readonly string[]).includes(name));
  if (stranger !== undefined) throw new InvalidArgumentError(`expected ${REPORT_TO.join(', ')}, found ${stranger}`);
  return names as ReportTo[];
}

async function trackCommand(named: string, { runs, reportTo, json }: Options): Promise<void> {
  const folder = await findRun(named, runs);
  await askFor(folder, placesOf(trackersOf(reportTo)));
  if ((await readAsked(folder)) === undefined) {
    const advice = 'name one, for example --report-to mlflow';
    throw new WishboneError('this run is sent to no tracker', folder, advice, ExitCode.usage);
  }
  const status = new StatusLine();
  status.show('Sending the run to its trackers');
  // It waits for its next attempt, and may lack what this command was given.
  await endSender(folder);
  await cancellable((signal) => trackRun(folder, { signal, patience: { linger: MOST_TO_WAIT } })).finally(async () => {
    status.clear();
    if (isActive(await runState(folder))) await startTracking(folder);
  });
  const tracked = await trackedRun(folder);
  const failed = tracked.find(({ complete }) => !complete);
  if (failed === undefined) {
    if (json === true) console.log(JSON.stringify({ folder, trackers: tracked }));
    else console.log(columns(tracked.map(({ name, url, command }) => [TRACKER_LABELS[name], url ?? command ?? 'sent'])));
    return;
  }
  const { name, trouble } = failed;
  throw new WishboneError(
    trouble?.what ?? `${TRACKER_LABELS[name]} does not have all of the run`,
    trouble?.where ?? folder,
    trouble?.advice ?? 'try again later',
    ExitCode.cannotWrite,
  );
}

/** Says once what trackers have trouble with while something else is done. */
export async function tellingTroubles<T>(folder: string, status: StatusLine, work: () => Promise<T>): Promise<T> {
  const told = new Set<string>();
  const look = async (): Promise<void> => {
    for (const tracked of await trackedRun(folder)) {
      const text = troubleText(tracked);
      if (text !== undefined && !told.has(text)) status.note(`warning: ${text}`);
      if (text !== undefined) told.add(text);
    }
  };
  const timer = setInterval(() => void look().catch(() => undefined), 4 * LOOK_MILLISECONDS);
  return work().finally(() => clearInterval(timer));
}

function troubleText({ name, trouble, complete }: Tracked): string | undefined {
  if (trouble === undefined || complete) return undefined;
  return `${TRACKER_LABELS[name]}: ${trouble.what} (${trouble.where}). ${trouble.advice}`;
}

/** How a run that has ended stands with its trackers, once they have had a moment for the rest. */
export async function sentTo(folder: string): Promise<readonly Tracked[]> {
  if ((await readAsked(folder)) === undefined) return [];
  const status = new StatusLine();
  status.show('Sending the rest to the trackers');
  const begin = performance.now();
  let tracked = await trackedRun(folder);
  while (
    (await senderOf(folder)) !== undefined &&
    tracked.some(({ complete, trouble }) => !complete && trouble === undefined) &&
    performance.now() - begin < MOST_TO_WAIT
  ) {
    await sleep(LOOK_MILLISECONDS / 5);
    tracked = await trackedRun(folder);
  }
  status.clear();
  return tracked;
}

/** A line for each tracker: its page, or how the rest gets there. */
export function trackedRows(folder: string, tracked: readonly Tracked[]): [string, string][] {
  return tracked.map(({ name, url, command, complete }) => [
    name,
    complete ? (url ?? command ?? 'sent') : `not all yet; the rest: wishbone track ${folder}`,
  ]);
}
