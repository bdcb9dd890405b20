import path from 'node:path';
import { type Command, Option } from 'commander';
import { ExitCode, WishboneError } from '../core/errors.js';
import { nearestName } from '../core/nearest-name.js';
import { listRuns, rowOf, RUNS_FOLDER, type RunListing, type RunState } from '../core/run/index.js';
import {
  checkFilter,
  columnsOf,
  type FilterProblem,
  findColumn,
  matches,
  parseFilter,
  type RunColumns,
  sortedRows,
  tableCsv,
  type TableColumn,
} from '../core/run-table/index.js';
import { figureCells } from './run-text.js';
import { table } from './terminal.js';

type Listed = Extract<RunListing, { readonly problem?: undefined }>;

const STATES: readonly RunState[] = ['planned', 'queued', 'starting', 'running', 'stopping', 'finished', 'stopped', 'failed', 'crashed'];

interface Options {
  readonly runs: string;
  readonly state?: RunState;
  readonly tag?: string;
  readonly dataset?: string;
  readonly filter?: string;
  readonly sort?: string;
  readonly columns?: string;
  readonly csv?: boolean;
  readonly json?: boolean;
}

export function addRunsCommand(program: Command): void {
  program
    .command('runs')
    .summary('list runs, newest first')
    .description(
      'Lists the runs of a folder, newest first, with their state and main figures.\n\n' +
        'A filter has words of a name, model or dataset, #tag, state:failed, and conditions on columns: learning_rate>=1e-6, ' +
        'sharing:pair, accuracy>60%. Columns are figures and facts (loss, accuracy, margin, best, step, created, …) and options, by ' +
        'name or by their path in run.json.',
    )
    .option('--runs <folder>', 'folder of the runs', RUNS_FOLDER)
    .addOption(new Option('--state <state>', 'only runs in this state').choices(STATES))
    .option('--tag <tag>', 'only runs with this tag')
    .option('--dataset <text>', 'only runs whose dataset path contains this text')
    .option('--filter <text>', 'only runs that match')
    .option('--sort <column>', 'by a column, the better or lower first; -<column>: the other way round')
    .option('--columns <list>', 'columns, separated by commas; all: every one (default: figures, and what the runs differ in)')
    .option('--csv', 'print a table as CSV')
    .addOption(new Option('--json', 'print one JSON object').conflicts('csv'))
    .action(runsCommand);
}

async function runsCommand(options: Options): Promise<void> {
  const all = await listRuns(options.runs);
  const { state, tag, dataset, filter } = options;
  const isFiltered = [state, tag, dataset, filter].some((each) => each !== undefined);
  const rows = all.map(rowOf);
  // Of all: one run that is left has nothing to differ from.
  const columns = columnsOf(rows);
  const wanted = parseFilter(filter ?? '');
  requireMeaning(checkFilter(wanted, rows).problem, columns.all);
  const found = all.filter(
    (run) =>
      matches(rowOf(run), wanted) &&
      (run.problem !== undefined
        ? !isFiltered
        : (state === undefined || run.state === state) &&
          (tag === undefined || run.tags.includes(tag.replace(/^#/, ''))) &&
          (dataset === undefined || datasetText(run).includes(dataset))),
  );
  const listings = options.sort === undefined ? found : inOrder(found, columns.all, options.sort);
  const runs = listings.filter((run): run is Listed => run.problem === undefined);
  const broken = listings.flatMap(({ folder, problem }) => (problem === undefined ? [] : [{ folder, problem }]));
  if (options.json) {
    console.log(
      JSON.stringify({ runs: runs.map(runFacts), unreadable: broken.map(({ folder, problem }) => ({ folder, what: problem.what })) }),
    );
    return;
  }
  const chosen = options.columns === undefined ? undefined : columnsNamed(options.columns, columns);
  if (options.csv) {
    process.stdout.write(tableCsv(listings.map(rowOf), chosen ?? columns.all.filter(({ id }) => columns.usual.has(id))));
    return;
  }
  if (runs.length === 0) {
    const where = path.resolve(options.runs);
    console.log(isFiltered && all.length > 0 ? `none of the ${all.length} runs in ${where} match` : `no runs in ${where}`);
  } else if (chosen !== undefined) {
    console.log(
      table(
        chosen.map(({ label }) => label.toLowerCase()),
        runs.map((run) => chosen.map(({ id }) => String(rowOf(run).cells[id] ?? '-'))),
      ),
    );
  } else {
    console.log(table(['run', 'state', 'steps', 'loss', 'margin', 'accuracy', 'of', 'created', 'tags', 'dataset'], runs.map(cells)));
  }
  for (const { folder, problem } of broken) console.log(`${path.basename(folder)}: ${problem.what}`);
}

/** @throws WishboneError for a term that can mean nothing of any run */
function requireMeaning(problem: FilterProblem | undefined, columns: readonly TableColumn[]): void {
  if (problem === undefined) return;
  const { column, term, what, advice } = problem;
  // One that is much like it is named.
  if (column !== undefined) columnNamed(column, columns);
  throw new WishboneError(what, `--filter, "${term}"`, advice, ExitCode.usage);
}

/** @throws WishboneError when there is no such column */
function inOrder(runs: readonly RunListing[], columns: readonly TableColumn[], sort: string): RunListing[] {
  const isReversed = sort.startsWith('-');
  const { id, descends } = columnNamed(isReversed ? sort.slice(1) : sort, columns);
  const listings = new Map(runs.map((run) => [run.folder, run]));
  return sortedRows(runs.map(rowOf), { column: id, descending: descends !== isReversed }).map(({ folder }) => listings.get(folder)!);
}

function columnsNamed(list: string, { all }: RunColumns): readonly TableColumn[] {
  return list.trim() === 'all' ? all : list.split(',').map((name) => columnNamed(name, all));
}

function columnNamed(name: string, columns: readonly TableColumn[]): TableColumn {
  const found = findColumn(columns, name);
  if (found !== undefined) return found;
  const names = columns.map(({ id }) => id);
  const near = nearestName(name, [...names, ...names.map((id) => id.slice(id.lastIndexOf('.') + 1))]);
  const advice =
    near === undefined ? `columns are ${names.slice(0, 12).join(', ')} and options, as in run.json` : `did you mean "${near}"?`;
  throw new WishboneError(`there is no column "${name.trim()}"`, 'the command line', advice, ExitCode.usage);
}

function cells(run: Listed): string[] {
  const { config, figures } = run;
  return [
    config.name === config.id ? config.id : `${config.name} (${config.id})`,
    run.state === 'queued' && run.job !== undefined && run.job.reason !== '' ? `queued (${run.job.reason})` : run.state,
    run.steps === undefined ? '-' : `${run.step}/${run.steps}`,
    ...figureCells(figures),
    figures?.of ?? '-',
    config.created.slice(0, 16).replace('T', ' '),
    run.tags.map((tag) => `#${tag}`).join(' '),
    datasetText(run),
  ];
}

function datasetText({ config }: Listed): string {
  return config.dataset.path;
}

/** A run as scripts read it. */
export function runFacts({ folder, config, tags, notes = '', pinned = false, state, step, steps, figures, job }: Listed): object {
  const { id, name, created, dataset, model } = config;
  return {
    folder,
    id,
    name,
    tags,
    pinned,
    notes,
    state,
    created,
    dataset: dataset.path,
    model: model.path,
    step,
    steps,
    figures,
    ...(job && { job }),
  };
}
