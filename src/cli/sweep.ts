import path from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { isConfigFile, readConfigFile } from '../core/config-file/index.js';
import { ExitCode, WishboneError } from '../core/errors.js';
import { RUNS_FOLDER } from '../core/run/index.js';
import { checkUnchanged, claimSweep, expandSweep, giveOrder, PASSED_OVER, queueOf, readSweep, startSweep } from '../core/sweep/index.js';
import { Exit } from './exit.js';
import { notEmpty } from './refuse-empty.js';
import { figureCells } from './run-text.js';
import { type Outcome, SweepQueue } from './sweep-queue.js';
import { table } from './terminal.js';

interface Options {
  readonly dryRun?: boolean;
  readonly retry?: boolean;
  readonly pause?: boolean;
  readonly skip?: string;
  readonly first?: string;
  readonly parallel: number | 'auto';
  readonly detach?: boolean;
  readonly json?: boolean;
}

export function addSweepCommand(program: Command): void {
  program
    .command('sweep')
    .summary('train once with each of several values of options')
    .description(
      'Trains the runs of a run config with a "sweep", one after the other or several at once. Tokens and reference log-probabilities are\n' +
        'computed once and shared. What was begun goes on when the same command is given again, whatever ended it: finished runs are passed\n' +
        'over, stopped ones are resumed. Ctrl-C finishes the step of the runs at work, and stops there.\n' +
        'While a process works on the sweep, --pause, --skip and --first tell it what to do, and return.',
    )
    .argument('<config>', 'a run config, *.wishbone.json, with a "sweep"')
    .option('--dry-run', 'say which runs there are, and how they stand, and start none')
    .option('--pause', 'stop the runs at work after their step, and start no more; the same command without it goes on')
    .option('--skip <text>', 'pass over runs whose name contains this, from now on', notEmpty('--skip'))
    .option('--first <text>', 'take runs whose name contains this before the others, from now on', notEmpty('--first'))
    .option(
      '--parallel <n>',
      'so many runs at once, each with GPUs of its own; auto: one for each GPU that is free, on the CPU one',
      runsAtOnce,
      1,
    )
    .option('--retry', 'do again what failed or was passed over')
    .option('--detach', 'start the sweep in a process of its own, and return')
    .option('--json', 'print one JSON object at the end')
    .action(sweepCommand);
}

function runsAtOnce(text: string): number | 'auto' {
  if (text === 'auto') return 'auto';
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > 1000)
    throw new InvalidArgumentError('Expected a number of runs, 1 to 1000, or auto.');
  return count;
}

async function sweepCommand(file: string, options: Options): Promise<void> {
  if (!isConfigFile(file)) {
    throw new WishboneError('a sweep is a run config, *.wishbone.json', file, 'see docs/run-config.md, "Sweeps"', ExitCode.usage);
  }
  const config = await readConfigFile(file);
  const trials = expandSweep(config);
  const runsFolder = path.resolve(config.runs ?? RUNS_FOLDER);
  const name = config.name ?? path.basename(config.file).replace(/\.wishbone\.json$/i, '');
  const sweep = new SweepQueue(config, name, runsFolder, trials);
  checkNamed(
    options,
    trials.map((trial) => trial.name),
    config.file,
  );
  const isOrder = options.pause === true || options.skip !== undefined || options.first !== undefined;
  if (options.dryRun !== true && isOrder && (await queueOf(sweep.file)) !== undefined) {
    await giveOrder(sweep.file, { pause: options.pause, skip: options.skip, first: options.first });
    if (options.json) console.log(JSON.stringify({ sweep: name, record: sweep.file, ordered: true }));
    else console.log('the process that works on the sweep has been told');
    return;
  }
  if (options.pause) {
    throw new WishboneError('no process works on this sweep', config.file, 'there is nothing to pause', ExitCode.usage);
  }
  if (options.dryRun) {
    await sweep.open(options);
    return report(sweep, options.json === true, true);
  }
  if (options.detach) {
    checkUnchanged(await readSweep(sweep.file), config, trials);
    return detach(sweep, options);
  }
  const release = await claimSweep(sweep.file);
  try {
    await sweep.open(options);
    await sweep.run(options.parallel);
    await report(sweep, options.json === true, false);
  } finally {
    await release();
  }
}

/** A text that means no run is a slip. */
function checkNamed({ skip, first }: Options, names: readonly string[], where: string): void {
  const none = [skip, first].find((text) => text !== undefined && !names.some((name) => name.includes(text)));
  if (none === undefined) return;
  throw new WishboneError(`no run of the sweep has "${none}" in its name`, where, 'see the names with --dry-run', ExitCode.usage);
}

async function detach({ file, name, config }: SweepQueue, { parallel, skip, first, retry, json }: Options): Promise<void> {
  const more = [
    ...['--parallel', String(parallel)],
    ...(skip === undefined ? [] : ['--skip', skip]),
    ...(first === undefined ? [] : ['--first', first]),
    ...(retry ? ['--retry'] : []),
  ];
  const pid = await startSweep(config.file, file, { cli: [...process.execArgv, process.argv[1]!], more });
  if (json) console.log(JSON.stringify({ sweep: name, record: file, pid }));
  else console.log(`sweep ${name} started: process ${pid}\nsee how it stands: wishbone sweep ${config.file} --dry-run`);
}

/** What came of it so far. @throws Exit when runs are left, or came to nothing */
async function report(sweep: SweepQueue, json: boolean, isDry: boolean): Promise<void> {
  const outcomes = await sweep.outcomes();
  const left = outcomes.filter(({ state, skipped, out }) => state !== 'finished' && skipped === undefined && out === undefined).length;
  if (json) {
    const trials = outcomes.map(({ name, options, folder, state, skipped, out, waits, run }) => ({
      ...{ name, options, folder, state, skipped },
      ...(out === undefined ? {} : { stopped_early: out }),
      ...(waits ? { waits } : {}),
      figures: run?.problem === undefined ? run?.figures : undefined,
    }));
    console.log(JSON.stringify({ sweep: sweep.name, record: sweep.file, left, trials }));
  } else {
    const cells = outcomes.map((outcome) => [
      outcome.name,
      stateText(outcome),
      ...figureCells(outcome.run?.problem === undefined ? outcome.run?.figures : undefined),
    ]);
    console.log(table(['run', 'state', 'loss', 'margin', 'accuracy'], cells));
    if (!isDry && left > 0) console.log(`\n${left} left: the same command goes on`);
  }
  if (isDry) return;
  if (sweep.isStopped) throw new Exit(ExitCode.interrupted);
  if (outcomes.some(({ skipped }) => skipped !== undefined && skipped !== PASSED_OVER)) throw new Exit(ExitCode.internal);
}

function stateText({ skipped, state, out, waits }: Outcome): string {
  if (skipped !== undefined) return skipped;
  if (state === 'finished' || state === 'running') return state;
  if (out !== undefined) return `stopped early by the sweep: rung ${out.rung}, step ${out.step}`;
  return waits ? 'waits for the others at its rung' : state;
}
