import type { Command } from 'commander';
import { ExitCode, WishboneError } from '../core/errors.js';
import { readEvents } from '../core/events/index.js';
import { RunHistory, type TimeSpent, trainingShare } from '../core/history/index.js';
import {
  COMPARED_METRICS,
  type ComparedMetric,
  compareRuns,
  differenceText,
  type NotComparable,
  type PairedComparison,
  type SeedGroup,
} from '../core/pairs/index.js';
import { configDifferences, listRun, RUNS_FOLDER, type RunListing } from '../core/run/index.js';
import { findRun, RUN_HELP } from './find-run.js';
import { figureCells, figuresOf, percent } from './run-text.js';
import { runFacts } from './runs.js';
import { clock, grouped, table } from './terminal.js';

interface Options {
  readonly runs: string;
  readonly json?: boolean;
}

type Listed = Extract<RunListing, { readonly problem?: undefined }>;

export function addCompareCommand(program: Command): void {
  program
    .command('compare')
    .summary('compare runs: results, and the settings that differ')
    .description(
      'Shows the results of several runs and every setting that differs between them; whether a run is better than the first on the ' +
        'pairs that both evaluated (a paired bootstrap), and figures over runs that differ by their seed alone.',
    )
    .argument('<run...>', RUN_HELP)
    .option('--runs <folder>', 'folder of the runs', RUNS_FOLDER)
    .option('--json', 'print one JSON object')
    .action(compareCommand);
}

async function compareCommand(named: readonly string[], options: Options): Promise<void> {
  if (named.length < 2)
    throw new WishboneError('a single run cannot be compared', 'the command line', 'name two or more runs', ExitCode.usage);
  const folders: string[] = [];
  for (const name of named) {
    const folder = await findRun(name, options.runs);
    if (folders.includes(folder)) throw new WishboneError('this run is named twice', folder, 'name each once', ExitCode.usage);
    folders.push(folder);
  }
  const runs: Listed[] = [];
  for (const folder of folders) {
    const run = await listRun(folder);
    if (run.problem !== undefined) throw run.problem;
    runs.push(run);
  }
  const { paired, seeds } = await compareRuns(runs);
  const times = await Promise.all(folders.map(timeOf));
  const differences = configDifferences(runs.map(({ config }) => config));
  if (options.json) {
    const settings = differences.map(({ setting, values }) => ({ setting, values }));
    console.log(
      JSON.stringify({ runs: runs.map((run, i) => ({ ...runFacts(run), time: times[i] })), differences: settings, paired, seeds }),
    );
    return;
  }
  console.log(
    table(
      ['', ...runs.map(({ config }) => config.name)],
      [...results(runs, times), ...differences.map(({ setting, values }) => [setting, ...values.map((value) => value || '-')])],
    ),
  );
  if (differences.length === 0) console.log('\nall settings are the same');
  const names = runs.map(({ config }) => config.name);
  paired.forEach((comparison, i) => console.log(`\n${pairedText(comparison, names[i + 1]!, names[0]!)}`));
  for (const group of seeds) console.log(`\n${seedsText(group, names)}`);
}

/** A paired bootstrap, in lines. */
function pairedText(comparison: PairedComparison | NotComparable, name: string, against: string): string {
  const title = `${name} against ${against}, pair by pair`;
  if ('problem' in comparison) return `${title}: not compared, ${comparison.problem}`;
  const { pairs, of, steps, differences } = comparison;
  const some = of.every((count) => count === pairs) ? '' : ` that both have, of ${grouped(of[0])} and ${grouped(of[1])}`;
  const rows = COMPARED_METRICS.map((metric) => [
    metric,
    ...[differences[metric].mean, ...differences[metric].interval].map((value) => signed(value, metric)),
    differenceText(comparison, metric),
  ]);
  return [
    `${title}: ${grouped(pairs)} evaluated pairs${some}, after steps ${steps[1]} and ${steps[0]}`,
    table(['', 'difference', '95 % from', 'to', ''], rows),
  ].join('\n');
}

/** Figures over seeds, in lines. */
function seedsText({ runs, figures }: SeedGroup, names: readonly string[]): string {
  const rows = COMPARED_METRICS.flatMap((metric) => {
    const found = figures[metric];
    if (found === undefined) return [];
    const ends = found.interval?.map((value) => plain(value, metric)) ?? ['-', '-'];
    return [[metric, plain(found.mean, metric), ...ends, String(found.n)]];
  });
  const title = `${runs.length} runs that differ by their seed alone: ${runs.map((run) => names[run]).join(', ')}`;
  return [title, table(['', 'mean', '95 % from', 'to', 'n'], rows)].join('\n');
}

function plain(value: number, metric: ComparedMetric): string {
  return metric === 'accuracy' ? `${(100 * value).toFixed(1)} %` : value.toFixed(4);
}

function signed(value: number, metric: ComparedMetric): string {
  return `${value >= 0 ? '+' : ''}${plain(value, metric)}`;
}

/** Of all its starts, which the ends of a log do not tell. */
async function timeOf(folder: string): Promise<TimeSpent | undefined> {
  const history = new RunHistory();
  for (const event of await readEvents(folder)) history.add(event);
  return history.timeSpent;
}

function results(runs: readonly Listed[], times: readonly (TimeSpent | undefined)[]): string[][] {
  const figures = runs.map((run) => figureCells(run.figures));
  return [
    ['state', ...runs.map(({ state }) => state)],
    ['steps', ...runs.map(({ step, steps }) => (steps === undefined ? '-' : `${step}/${steps}`))],
    ...['loss', 'margin', 'accuracy'].map((name, row) => [name, ...figures.map((cells) => cells[row]!)]),
    ['time', ...times.map((spent) => (spent === undefined ? '-' : clock(spent.total)))],
    ['of it training', ...times.map((spent) => percent(spent && trainingShare(spent)))],
    ['figures of', ...runs.map((run) => (run.figures === undefined ? '-' : figuresOf(run.figures)))],
  ];
}
