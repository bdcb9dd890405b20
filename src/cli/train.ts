import path from 'node:path';
import { type Command, Option } from 'commander';
import { setTimeout as sleep } from 'node:timers/promises';
import { locating } from '../core/config-file/index.js';
import { ExitCode, WishboneError } from '../core/errors.js';
import { type DecidedRun, decideRun, forecastRun } from '../core/forecast/index.js';
import { inspectModel } from '../core/model/index.js';
import type { PlanSummary } from '../core/prepare/index.js';
import { checkOptions, learningRateWarning, PRESETS, rateReason, withSuitedRate } from '../core/options/index.js';
import { followEvents, readEvents } from '../core/events/event-reader.js';
import { writeForecast } from '../core/run/forecast-file.js';
import { isAtWork, readRun, RUNS_FOLDER } from '../core/run/folder.js';
import { headline } from '../core/history/headline.js';
import { RunHistory } from '../core/history/history.js';
import { processPlace } from '../core/runner/process-place.js';
import { locateRunner } from '../core/runner/locate-runner.js';
import { startRunner, stopRunner } from '../core/runner/runner.js';
import { runState, stateOf } from '../core/run/state.js';
import {
  changedScript,
  findTarget,
  jobStatus,
  jobText,
  readJobRecord,
  type SlurmTarget,
  submitRun,
  TARGETS_SETTING,
  targetsOfFolder,
} from '../core/slurm/index.js';
import { RunnerAhead, whyApart } from '../core/runner/index.js';
import { planRun } from '../core/tasks/plan-run.js';
import { askFor, placesOf, startTracking, trackersOf } from '../core/trackers/index.js';
import type { Progress } from '../core/work/progress.js';
import { formatOption, sentence } from '../format.js';
import { Exit } from './exit.js';
import { findRun, RUN_HELP } from './find-run.js';
import { fromHub } from './hub.js';
import { cancellable, Interrupted, withInterrupts } from './interrupt.js';
import {
  addDatasetOptions,
  addOptions,
  DATASET_HELP,
  MODEL_HELP,
  planOptionNames,
  readWholeInput,
  runnerOptionNames,
  trainingOptionNames,
} from './options.js';
import { planReport } from './plan.js';
import { headlineRows, rankRows, recomputedLayers, recomputedRows, timeText } from './run-text.js';
import { clock, columns, progressText, StatusLine } from './terminal.js';
import { takePart } from './take-part.js';
import { parseReportTo, REPORT_TO_HELP, sentTo, tellingTroubles, trackedRows } from './track.js';
import { dataWarnings } from './unused.js';

/** Milliseconds that a run's process may take to end after its last word. */
const MOST_TO_GO = 10_000;

interface Options extends Record<string, unknown> {
  readonly resume?: string;
  readonly runs?: string;
  readonly detach?: boolean;
  readonly json?: boolean;
  readonly target?: string;
}

export function addTrainCommand(program: Command): void {
  const command = program
    .command('train')
    .summary('train a model on a preference file, or continue a run')
    .description(
      'Plans, starts and follows a run. The run is a separate process that outlives this terminal.\n' +
        'Ctrl-C finishes the step, writes a checkpoint and stops; a second Ctrl-C ends the run at once.',
    )
    .argument('[dataset...]', DATASET_HELP)
    .option('-m, --model <folder>', MODEL_HELP)
    .option('--resume <run>', `continue a run from its last checkpoint: ${RUN_HELP}`)
    .addOption(new Option('--preset <name>', 'options to start from (default: standard)').choices(PRESETS.map(({ id }) => id)))
    .option('--name <text>', 'name of the run')
    .option('--runs <folder>', `folder of the runs (default: ${RUNS_FOLDER})`)
    .option('--target <name>', `give the run to a cluster: a target of ${TARGETS_SETTING} in .vscode/settings.json (docs/slurm.md)`)
    .option('--report-to <names>', REPORT_TO_HELP, parseReportTo)
    .option('--detach', 'start the run and return')
    .option('--json', 'print one JSON object at the end');
  addDatasetOptions(command);
  addOptions(command, 'plan', planOptionNames, false);
  addOptions(command, 'training', trainingOptionNames, false);
  addOptions(command, 'runner', runnerOptionNames, false);
  command.action(trainCommand);
}

async function trainCommand(dataset: readonly string[], options: Options, command: Command): Promise<void> {
  const place = await processPlace();
  if (place.processes > 1 && options.detach)
    throw usage('--detach is for a single process', 'leave it out: srun and torchrun wait for the run');
  if (place.process > 0) return takePart();
  const status = new StatusLine();
  const target = options.target === undefined ? undefined : await targetNamed(options.target);
  const isAlone = target === undefined && place.processes === 1;
  const { folder, summary, ahead } =
    options.resume === undefined ? await prepare(dataset, options, status, { target, isAlone }) : await resumed(dataset, options, command);
  const before = (await readEvents(folder)).filter((event) => event.type === 'start').length;
  if (target !== undefined) return submitted(folder, target, { before, summary, status, options });
  status.show('Starting the runner');
  const pid = await startRunner(folder, { resume: options.resume !== undefined, ahead }).finally(() => status.clear());
  await startTracking(folder);
  if (options.detach) {
    const { config } = await readRun(folder);
    if (options.json) console.log(JSON.stringify({ folder, id: config.id, pid, ...(summary ? { plan: summary } : {}) }));
    else console.log(`run ${config.id} started: process ${pid}\n${folder}`);
    return;
  }
  const history = await tellingTroubles(folder, status, () => follow(folder, before, status));
  await finish(folder, history, summary, options.json === true);
}

/** Gives a run to a cluster, and follows it there unless it is told not to. */
async function submitted(
  folder: string,
  target: SlurmTarget,
  { before, summary, status, options }: { before: number; summary: PlanSummary | undefined; status: StatusLine; options: Options },
): Promise<void> {
  const changed = await changedScript(folder);
  if (changed !== undefined)
    console.error(`note: ${changed.file} was changed by hand and is submitted as it is; remove it to have it written anew`);
  status.show('Submitting the job');
  const id = await submitRun(folder, target, await locateRunner()).finally(() => status.clear());
  await startTracking(folder);
  const { config } = await readRun(folder);
  if (options.detach && options.json)
    console.log(JSON.stringify({ folder, id: config.id, job: id, ...(summary ? { plan: summary } : {}) }));
  else if (!options.json) console.log(`run ${config.id}: job ${id} on ${target.name}\n${folder}`);
  if (options.detach) return;
  await finish(folder, await follow(folder, before, status), summary, options.json === true);
}

/** A run that can start; one that goes on has nothing new to say of its plan. */
interface Prepared {
  readonly folder: string;
  readonly summary: PlanSummary | undefined;
  /** A runner that got ready for it meanwhile. */
  readonly ahead: RunnerAhead | undefined;
}

async function targetNamed(name: string): Promise<SlurmTarget> {
  const { targets, where } = await targetsOfFolder('.');
  return findTarget(targets, name, where);
}

async function prepare(
  files: readonly string[],
  options: Options,
  status: StatusLine,
  { target, isAlone }: { target: SlurmTarget | undefined; isAlone: boolean },
): Promise<Prepared> {
  const { config, runs, rateFactor, reportTo, ...named } = await readWholeInput(files, options);
  locating(config, () => checkOptions(named, named.evalDataset !== undefined || named.plan.eval_fraction > 0));
  const places = placesOf(trackersOf(reportTo));
  // Before minutes of reading: without a runner there is no run.
  await locateRunner();
  const given = await fromHub(named, status);
  const { parameters } = await inspectModel(given.model);
  const training = rateFactor === undefined ? given.training : withSuitedRate(given.training, parameters, rateFactor);
  const runsFolder = path.resolve(runs ?? RUNS_FOLDER);
  const onProgress = (progress: Progress): void => status.show(progressText(progress));
  let ahead: RunnerAhead | undefined;
  const decide = async (): Promise<DecidedRun> => {
    const decided = await decideRun({ ...given, training, target, runsFolders: [runsFolder] });
    const apart = whyApart(decided.backends ?? []);
    if (apart !== undefined && given.runner.devices === 'auto' && given.runner.backend !== 'cpu') status.note(`One GPU is used: ${apart}`);
    if (isAlone) ahead = await RunnerAhead.start({ model: given.model, training, runner: decided.runner });
    return decided;
  };
  const warning = learningRateWarning(parameters, training);
  if (warning !== undefined) status.note(`warning: the learning rate ${formatOption(training.learning_rate)} is ${warning}`);
  try {
    const { folder, summary, runner, backends } = await cancellable((signal) =>
      planRun({ ...given, training, runsFolder }, { signal, onProgress }, decide),
    ).finally(() => status.clear());
    await askFor(folder, places);
    const time = await forecastRun({ ...given, training, runner, summary, runsFolders: [runsFolder], backends });
    if (time !== undefined) await writeForecast(folder, time);
    if (!options.json && !options.detach) {
      const rate =
        rateFactor === undefined ? '' : `\nlearning rate ${formatOption(training.learning_rate)}: ${rateReason(parameters, training)}`;
      console.log(`${planReport(summary, { time })}${rate}\n`);
    } else for (const warning of dataWarnings(summary)) console.error(warning);
    return { folder, summary, ahead };
  } catch (error) {
    ahead?.dismiss();
    throw error;
  }
}

async function resumed(dataset: readonly string[], options: Options, command: Command): Promise<Prepared> {
  const given = Object.keys(options).filter(
    (name) => !['resume', 'runs', 'detach', 'json', 'target'].includes(name) && command.getOptionValueSource(name) === 'cli',
  );
  const other = dataset.length > 0 ? 'a dataset' : given[0] !== undefined ? `--${kebab(given[0])}` : undefined;
  if (other !== undefined) throw usage(`--resume cannot be combined with ${other}`, 'a resumed run keeps the settings it was started with');
  const { folder } = await readRun(await findRun(options.resume as string, options.runs));
  if ((await runState(folder)) === 'finished') {
    throw new WishboneError('the run has finished; there is nothing to resume', folder, 'start a new run with `wishbone train <dataset>`');
  }
  return { folder, summary: undefined, ahead: undefined };
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function usage(what: string, advice: string): WishboneError {
  return new WishboneError(what, 'the command line', advice, ExitCode.usage);
}

/**
 * Follows a run until it says how it ended, or its process is gone.
 *
 * @param startsBefore `start` events of the log that belong to earlier starts
 */
async function follow(folder: string, startsBefore: number, status: StatusLine): Promise<RunHistory> {
  const history = new RunHistory();
  const done = new AbortController();
  const told = new Set<string>();
  const tell = (warnings: RunHistory['warnings']): void => {
    for (const { what, where, advice } of warnings) {
      const text = `warning: ${what} (${where}). ${advice}`;
      if (!told.has(text)) status.note(text);
      told.add(text);
    }
  };
  let interruption: Promise<unknown> = Promise.resolve();
  const onInterrupt = (count: number): void => {
    if (count === 1) status.note('Stopping after this step. Press Ctrl-C again to end it at once.');
    interruption = stopRunner(folder, { force: count > 1 }).then(() => {
      if (count > 1) done.abort(new Interrupted());
    });
  };
  await withInterrupts(onInterrupt, async () => {
    const isJob = (await readJobRecord(folder))?.id !== undefined;
    const watch = watchProcess(folder, done, async () => {
      const job = isJob ? await jobStatus(folder, await readJobRecord(folder), history) : undefined;
      if (job !== undefined && (await stateOf(folder, history)) === 'queued') status.show(sentence(jobText(job, 'queued')));
    });
    await followEvents(
      folder,
      (events, reset) => {
        if (reset) history.clear();
        for (const event of events) history.add(event);
        if (history.starts > startsBefore) tell(history.warnings);
        if (!isJob || history.starts > startsBefore) status.show(statusText(history));
        // A job that stopped may go back into the queue: its state says.
        if (history.starts > startsBefore && history.terminal && !(isJob && history.terminal.type === 'stopped')) done.abort();
      },
      done.signal,
    ).finally(() => done.abort());
    await watch;
  });
  await interruption;
  if (history.terminal) await gone(folder);
  status.clear();
  if (done.signal.reason instanceof Interrupted && !history.terminal) {
    status.note(`The run can continue from its last checkpoint: wishbone train --resume ${folder}`);
    throw done.signal.reason;
  }
  return history;
}

/** The last word comes before the process is gone: what comes next would find its devices in use. */
async function gone(folder: string): Promise<void> {
  const begin = performance.now();
  while ((await isAtWork(folder)) && performance.now() - begin < MOST_TO_GO) await sleep(20);
}

/** Ends the following when the process is gone without a last word. */
async function watchProcess(folder: string, done: AbortController, onLook: () => Promise<void>): Promise<void> {
  while (!done.signal.aborted) {
    try {
      await sleep(1000, undefined, { signal: done.signal });
    } catch {
      return;
    }
    await onLook();
    if (!(await isAtWork(folder))) {
      // Its last events may be on their way to the follower.
      await sleep(500);
      done.abort();
    }
  }
}

function statusText(history: RunHistory): string {
  const { pace, totalSteps } = history;
  if (history.steps.length === 0 || history.phase !== 'train') {
    return progressText({
      phase: history.phase ?? 'load',
      done: history.progress?.done ?? 0,
      total: history.progress?.total ?? 0,
    });
  }
  const parts = [`step ${history.step}/${totalSteps ?? '?'}`, ...metrics(history).map(([name, value]) => `${name} ${value}`)];
  if (pace) parts.push(`${pace.pairsPerSecond.toFixed(1)} pairs/s`, `ETA ${clock(pace.secondsLeft)}`);
  return parts.join('  ');
}

function metrics(history: RunHistory): [string, string][] {
  const shown = [
    ['loss', 'loss', 4],
    ['margin', 'rewards/margins', 3],
    ['accuracy', 'rewards/accuracies', 2],
  ] as const;
  return shown.map(([name, column, digits]) => [name, history.latest(column)?.toFixed(digits) ?? 'NaN']);
}

async function finish(folder: string, history: RunHistory, summary: PlanSummary | undefined, json: boolean): Promise<void> {
  const { terminal, pace } = history;
  const { config } = await readRun(folder);
  const trackers = await sentTo(folder);
  if (!terminal) {
    throw new WishboneError(
      'the runner ended without an error message: it was killed, or the machine ran out of memory',
      folder,
      `see runner.log there, then continue with: wishbone train --resume ${folder}`,
      ExitCode.internal,
    );
  }
  if (terminal.type === 'failed') {
    const code = Object.values(ExitCode).find((known) => known === terminal.exitCode && known !== ExitCode.ok) ?? ExitCode.internal;
    throw new WishboneError(terminal.what, terminal.where, terminal.advice, code);
  }
  const seconds = history.columns.seconds.reduce((sum, took) => sum + took, 0);
  const figures = headline(history);
  if (json) {
    console.log(
      JSON.stringify({
        folder,
        id: config.id,
        state: terminal.type,
        step: history.step,
        steps: history.totalSteps,
        seconds,
        loss: history.latest('loss'),
        margin: history.latest('rewards/margins'),
        accuracy: history.latest('rewards/accuracies'),
        figures,
        pairsPerSecond: pace?.pairsPerSecond,
        tokensPerSecond: pace?.tokensPerSecond,
        speedOfLight: pace?.speedOfLight,
        backend: history.start?.backend,
        device: history.start?.device,
        recompute: recomputedLayers(history),
        time: history.timeSpent,
        ranks: history.ranks,
        ...(trackers.length === 0 ? {} : { trackers }),
        ...(history.exportPath === undefined ? {} : { export: history.exportPath }),
        ...(summary ? { plan: summary } : {}),
      }),
    );
  } else {
    const rows: [string, string][] = [
      ['run', config.id],
      ['steps', `${history.step} of ${history.totalSteps ?? '?'}, ${clock(seconds)}`],
      ...headlineRows(figures),
    ];
    if (pace) rows.push(['speed', `${pace.pairsPerSecond.toFixed(1)} pairs/s`]);
    if (history.start) rows.push(['on', `${history.start.device} (${history.start.backend})`]);
    rows.push(...recomputedRows(history));
    if (terminal.type === 'stopped') rows.push(['stopped', `continue with: wishbone train --resume ${folder}`]);
    else rows.push(['model', history.exportPath === undefined ? folder : `${folder}/${history.exportPath}`]);
    if (history.timeSpent !== undefined) rows.push(['time', timeText(history.timeSpent)]);
    rows.push(...rankRows(history.ranks), ...trackedRows(folder, trackers));
    console.log(columns(rows));
  }
  // Whatever comes after it in a script must not take the run for done.
  if (terminal.type === 'stopped') throw new Exit(ExitCode.interrupted);
}
