import type { Command } from 'commander';
import { exportBest, RUNS_FOLDER } from '../core/run/index.js';
import { findRun, runHelp } from './find-run.js';
import { cancellable } from './interrupt.js';
import { count } from './options.js';

interface Options {
  readonly runs: string;
  readonly step?: number;
  readonly json?: boolean;
}

export function addExportCommand(program: Command): void {
  program
    .command('export')
    .summary('the model of the best evaluation, or of another checkpoint')
    .description('Writes the model of a run\'s best evaluation as a Hugging Face folder, in exports/ of the run folder.')
    .argument('<run>', `${runHelp}; with an evaluation, ended or at work`)
    .option('--runs <folder>', 'where runs are kept', RUNS_FOLDER)
    .option('--step <number>', 'of a checkpoint, in place of the best evaluation', count)
    .option('--json', 'print one JSON object')
    .action(async (named: string, { runs, step, json }: Options) => {
      const folder = await findRun(named, runs);
      const model = await cancellable((signal) => exportBest(folder, { signal, ...(step === undefined ? {} : { step }) }));
      console.log(json === true ? JSON.stringify({ export: model }) : model);
    });
}
