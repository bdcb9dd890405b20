import type { Command } from 'commander';
import { WishboneError } from '../core/errors.js';
import { suitedCapacity } from '../core/forecast/capacity.js';
import { saveSpeedup, speedupRecord, type SpeedupResult, SPEEDUPS_FOLDER } from '../core/speedup/index.js';
import { runTask } from '../core/tasks/index.js';
import { formatPercent } from '../format.js';
import { Exit } from './exit.js';
import { fromHub } from './hub.js';
import { cancellable } from './interrupt.js';
import { addOptions, count, DATASET_HELP, MODEL_HELP, readWholeInput } from './options.js';
import { columns, grouped, progressText, StatusLine } from './terminal.js';

interface Options extends Record<string, unknown> {
  readonly pairs?: number;
  readonly rounds: number;
  readonly history: string | false;
  readonly json?: boolean;
}

export function addSpeedupCommand(program: Command): void {
  const command = program
    .command('speedup')
    .summary('measure shared against naive pairing on this machine')
    .description('Runs the same DPO steps with and without prefix sharing, alternating, and compares their times.')
    .argument('<dataset...>', DATASET_HELP)
    .option('-m, --model <folder>', MODEL_HELP)
    .option('--pairs <number>', 'use only this many pairs from the start of the dataset', count)
    .option('--rounds <number>', 'how often every step is measured', count, 3)
    .option('--history <folder>', 'folder of measurements; the speedup panel reads them', SPEEDUPS_FOLDER)
    .option('--no-history', 'do not save the measurement')
    .option('--json', 'print one JSON object');
  const plan = [
    'format',
    'columns',
    'on_bad_row',
    'pairing',
    'min_margin',
    'sharing',
    'capacity',
    'batch_size',
    'seed',
    'order',
    'max_length',
  ];
  addOptions(command, 'plan', plan, true);
  addOptions(command, 'runner', ['backend', 'threads', 'deterministic', 'device', 'cublaslt'], true);
  command.action(speedupCommand);
}

async function speedupCommand(files: readonly string[], options: Options): Promise<void> {
  const status = new StatusLine();
  const { dataset, model, plan, training, runner } = await fromHub(await readWholeInput(files, options), status);
  if (plan.sharing === 'none') status.note('note: sharing "none" is what is compared with: "pair" is measured beside it');
  const autoCapacity = plan.capacity === 'auto' ? await suitedCapacity({ model, training, runner }) : undefined;
  const request = { dataset, model, plan, autoCapacity, pairs: options.pairs, rounds: options.rounds, runner };
  const result = await cancellable((signal) =>
    runTask('speedup', request, { signal, onProgress: (progress) => status.show(progressText(progress)) }),
  ).finally(() => status.clear());
  // What took minutes is told, whatever becomes of the record.
  console.log(options.json ? JSON.stringify(result) : speedupReport(result));
  if (options.history === false) return;
  await saveSpeedup(options.history, speedupRecord(request, result)).catch((error: unknown) => {
    if (!(error instanceof WishboneError)) throw error;
    status.note(error.format());
    throw new Exit(error.exitCode);
  });
}

function speedupReport(result: SpeedupResult): string {
  const side = (seconds: number, pairsPerSecond: number, light: number): string =>
    `${seconds.toFixed(2)} s (median of ${result.rounds.length}), ${pairsPerSecond.toFixed(1)} pairs/s, ` +
    `${formatPercent(light)} of speed of light`;
  const threads = result.threads > 1 ? `, ${result.threads} threads` : '';
  return columns([
    ['pairs', `${grouped(result.pairs)} in ${grouped(result.steps)} step${result.steps === 1 ? '' : 's'}, ${result.device}${threads}`],
    ['shared', side(result.sharedSeconds, result.sharedPairsPerSecond, result.sharedSpeedOfLight)],
    ['naive', side(result.naiveSeconds, result.naivePairsPerSecond, result.naiveSpeedOfLight)],
    ['measured ratio', `${result.ratio.toFixed(3)} (rounds from ${result.ratioMin.toFixed(3)} to ${result.ratioMax.toFixed(3)})`],
    ['predicted ratio', `${result.predictedRatio.toFixed(3)} by the cost model`],
    ['FLOPs ratio', `${result.flopsRatio.toFixed(3)}: ${formatPercent(result.ratio / result.flopsRatio)} of it reached`],
    ['token ratio', `${result.tokenRatio.toFixed(3)} (${grouped(result.naiveTokens)} / ${grouped(result.sharedTokens)} tokens)`],
    ...phaseRows(result),
  ]);
}

/** Where the time of the first steps goes, shared against naive. */
function phaseRows({ phases }: SpeedupResult): [string, string][] {
  if (phases === undefined) return [];
  return (['reference', 'forward', 'backward'] as const).map((phase) => {
    const [shared, naive] = [phases.shared[phase], phases.naive[phase]];
    return [phase, `${shared.toFixed(2)} s shared, ${naive.toFixed(2)} s naive: ${(naive / shared).toFixed(3)}`];
  });
}
