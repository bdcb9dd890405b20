import path from 'node:path';
import { type Command, Option } from 'commander';
import { listRuns, RUNS_FOLDER, type RunListing, type RunState } from '../core/run/index.js';
import { figureCells } from './run-text.js';
import { table } from './terminal.js';

type Listed = Extract<RunListing, { readonly problem?: undefined }>;

const STATES: readonly RunState[] = ['planned', 'queued', 'starting', 'running', 'stopping', 'finished', 'stopped', 'failed', 'crashed'];

interface Options {
  readonly runs: string;
  readonly state?: RunState;
  readonly tag?: string;
  readonly dataset?: string;
  readonly json?: boolean;
}

export function addRunsCommand(program: Command): void {
  program
    .command('runs')
    .summary('list runs, newest first')
    .description('Lists the runs of a folder, newest first, with their state and main figures.')
    .option('--runs <folder>', 'folder of the runs', RUNS_FOLDER)
    .addOption(new Option('--state <state>', 'only runs in this state').choices(STATES))
    .option('--tag <tag>', 'only runs with this tag')
    .option('--dataset <text>', 'only runs whose dataset path contains this text')
    .option('--json', 'print one JSON object')
    .action(runsCommand);
}

async function runsCommand(options: Options): Promise<void> {
  const all = await listRuns(options.runs);
  const { state, tag, dataset } = options;
  const isWanted = (run: Listed): boolean =>
    (state === undefined || run.state === state) &&
    (tag === undefined || run.tags.includes(tag.replace(/^#/, ''))) &&
    (dataset === undefined || datasetText(run).includes(dataset));
  const isFiltered = state !== undefined || tag !== undefined || dataset !== undefined;
  const runs = all.filter((run): run is Listed => run.problem === undefined && isWanted(run));
  const broken = isFiltered ? [] : all.flatMap(({ folder, problem }) => (problem === undefined ? [] : [{ folder, problem }]));
  if (options.json) {
    console.log(
      JSON.stringify({ runs: runs.map(runFacts), unreadable: broken.map(({ folder, problem }) => ({ folder, what: problem.what })) }),
    );
    return;
  }
  if (runs.length === 0) {
    const where = path.resolve(options.runs);
    console.log(isFiltered && all.length > 0 ? `none of the ${all.length} runs in ${where} match` : `no runs in ${where}`);
  } else {
    console.log(table(['run', 'state', 'steps', 'loss', 'margin', 'accuracy', 'of', 'created', 'tags', 'dataset'], runs.map(cells)));
  }
  for (const { folder, problem } of broken) console.log(`${path.basename(folder)}: ${problem.what}`);
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
export function runFacts({ folder, config, tags, state, step, steps, figures, job }: Listed): object {
  const { id, name, created, dataset, model } = config;
  return { folder, id, name, tags, state, created, dataset: dataset.path, model: model.path, step, steps, figures, ...(job && { job }) };
}
