import type { Command } from 'commander';
import { exportBest } from '../core/run/index.js';
import { cancellable } from './interrupt.js';
import { count } from './options.js';

interface Options {
  readonly step?: number;
  readonly json?: boolean;
}

export function addExportCommand(program: Command): void {
  program
    .command('export')
    .summary('the model of the best evaluation, or of another checkpoint')
    .description('Writes the model of a run\'s best evaluation as a Hugging Face folder, in exports/ of the run folder.')
    .argument('<run folder>', 'a run with an evaluation, ended or at work')
    .option('--step <number>', 'of a checkpoint, in place of the best evaluation', count)
    .option('--json', 'print one JSON object')
    .action(async (folder: string, { step, json }: Options) => {
      const model = await cancellable((signal) => exportBest(folder, { signal, ...(step === undefined ? {} : { step }) }));
      console.log(json === true ? JSON.stringify({ export: model }) : model);
    });
}
