import type { Command } from 'commander';
import { setTimeout as sleep } from 'node:timers/promises';
import { ExitCode, WishboneError } from '../core/errors.js';
import { isActive, isAtWork, runState, RUNS_FOLDER } from '../core/run/index.js';
import { stopRunner } from '../core/runner/index.js';
import { findRun, RUN_HELP } from './find-run.js';
import { cancellable } from './interrupt.js';
import { StatusLine } from './terminal.js';

interface Options {
  readonly runs: string;
  readonly now?: boolean;
  readonly wait: boolean;
  readonly json?: boolean;
}

export function addStopCommand(program: Command): void {
  program
    .command('stop')
    .summary('stop a run cleanly')
    .description('Lets a run finish its step, write a checkpoint and end. `wishbone train --resume` continues it.')
    .argument('<run>', RUN_HELP)
    .option('--runs <folder>', 'folder of the runs', RUNS_FOLDER)
    .option('--now', 'end it at once; a resume repeats everything after the last checkpoint')
    .option('--no-wait', 'do not wait until it has ended')
    .option('--json', 'print one JSON object')
    .action(stopCommand);
}

async function stopCommand(named: string, options: Options): Promise<void> {
  const folder = await findRun(named, options.runs);
  if (!(await stopRunner(folder, { force: options.now === true }))) {
    const state = await runState(folder);
    throw new WishboneError(`this run is not running: it is ${state}`, folder, 'there is nothing to stop', ExitCode.usage);
  }
  if (options.wait) await waitUntilEnded(folder);
  const state = await runState(folder);
  if (options.json) console.log(JSON.stringify({ folder, state }));
  else if (isActive(state)) console.log(`asked to stop: ${folder}`);
  else if (state === 'finished') console.log(`finished: ${folder}`);
  else console.log(`${state}; continue with: wishbone train --resume ${folder}`);
}

/** Ctrl-C ends the waiting, not the run's own end. */
async function waitUntilEnded(folder: string): Promise<void> {
  const status = new StatusLine();
  status.show('Stopping after this step');
  await cancellable(async (signal) => {
    while (await isAtWork(folder)) await sleep(200, undefined, { signal }).catch(() => signal.throwIfAborted());
  }).finally(() => status.clear());
}
