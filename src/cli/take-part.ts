import { ExitCode, WishboneError } from '../core/errors.js';
import { locateRunner } from '../core/runner/locate-runner.js';
import { Exit } from './exit.js';
import { withInterrupts } from './interrupt.js';

/** While the first process reads and plans a large dataset, the others wait for it. */
const MEETING_SECONDS = '3600';

/**
 * `wishbone train` in a process that is not the first of several: plans and writes nothing, and computes with the first, whose run
 * its runner is told of. Returns when that is over.
 *
 * @throws Exit with the runner's code when that is not 0; the runner has said why on standard error
 */
export async function takePart(): Promise<void> {
  const runner = await locateRunner();
  const { execa } = await import('execa');
  const subprocess = execa(runner, ['train', '--join'], {
    env: { WISHBONE_MEETING_SECONDS: process.env['WISHBONE_MEETING_SECONDS'] || MEETING_SECONDS },
    // Ctrl-C comes to it from here alone, once.
    detached: true,
    cleanup: true,
    reject: false,
    stdin: 'ignore',
    stdout: 'inherit',
    stderr: 'inherit',
  });
  const { exitCode, shortMessage } = await withInterrupts(
    () => void subprocess.kill('SIGTERM'),
    async () => subprocess,
  );
  if (exitCode === 0) return;
  if (exitCode === undefined)
    throw new WishboneError(`the runner ended: ${shortMessage}`, runner, 'see what it printed', ExitCode.internal);
  throw new Exit((Object.values(ExitCode) as number[]).includes(exitCode) ? (exitCode as ExitCode) : ExitCode.internal);
}
