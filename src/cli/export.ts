import type { Command } from 'commander';
import { exportBest } from '../core/runner/index.js';
import { RUNS_FOLDER } from '../core/run/index.js';
import { findRun, RUN_HELP } from './find-run.js';
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
    .summary('write the model of the best evaluation, or of another checkpoint')
    .description('Writes the model of the best evaluation of a run as a Hugging Face folder, in exports/ of the run folder.')
    .argument('<run>', `${RUN_HELP}; it must have an evaluation; it may still be running`)
    .option('--runs <folder>', 'folder of the runs', RUNS_FOLDER)
    .option('--step <number>', 'use the checkpoint of this step instead of the best evaluation', count)
    .option('--json', 'print one JSON object')
    .action(async (named: string, { runs, step, json }: Options) => {
      const folder = await findRun(named, runs);
      const model = await cancellable((signal) => exportBest(folder, { signal, ...(step === undefined ? {} : { step }) }));
      console.log(json === true ? JSON.stringify({ export: model }) : model);
    });
}
