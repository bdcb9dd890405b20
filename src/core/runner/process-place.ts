import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { ExitCode, WishboneError } from '../errors.js';
import { locateRunner } from './locate-runner.js';
import { parseRunnerError } from './runner.js';

/** Where this process stands among those that carry out one run (docs/several-devices.md). */
export interface ProcessPlace {
  /** The first, 0, plans and writes; the others compute with it. */
  readonly process: number;
  readonly processes: number;
}

/** Without any of these there is one process, and no runner need be asked. */
const VARIABLES = ['RANK', 'WORLD_SIZE', 'SLURM_PROCID'];
const PATIENCE_MILLISECONDS = 20_000;

/**
 * The place that torchrun's or Slurm's variables give this process, as the runner understands them.
 *
 * @throws WishboneError when a variable is missing or contradicts another, or there is no runner that answers
 */
export async function processPlace(): Promise<ProcessPlace> {
  if (VARIABLES.every((name) => (process.env[name] ?? '') === '')) return { process: 0, processes: 1 };
  const program = await locateRunner();
  try {
    const { stdout } = await promisify(execFile)(program, ['place'], { timeout: PATIENCE_MILLISECONDS });
    const place = JSON.parse(stdout) as ProcessPlace;
    if (Number.isSafeInteger(place.process) && Number.isSafeInteger(place.processes)) return place;
  } catch (error) {
    const said = parseRunnerError(((error as { stderr?: string }).stderr ?? '').split('\n'));
    if (said !== undefined) throw new WishboneError(said.what, said.where, said.advice, ExitCode.badInput);
  }
  throw new WishboneError('the runner does not answer', program, 'run it with `place` in a terminal to see why', ExitCode.internal);
}
