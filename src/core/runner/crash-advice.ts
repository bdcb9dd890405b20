import { ExitCode } from '../errors.js';

/** How a process ended, as `process.json` has it; undefined when nobody saw it. */
export type Ended = { readonly exitCode: number | null; readonly signal: string | null } | undefined;

/** What to do about a runner that ended without a word, likeliest first. */
export function crashAdvice(ended: Ended): string[] {
  const resume = 'Resume: nothing before the last checkpoint is lost';
  if (ended === undefined) return ['The machine may have been restarted, or the process ended from outside', resume];
  const { exitCode, signal } = ended;
  if (signal === 'SIGKILL') {
    return [
      'The system most likely ended it because memory ran out: `dmesg` says so',
      'Lower the bin capacity, set recompute to block, or take fewer threads; then resume',
    ];
  }
  if (signal === 'SIGTERM' || signal === 'SIGHUP' || signal === 'SIGINT' || exitCode === ExitCode.interrupted) {
    return ['Somebody or the system ended it from outside', resume];
  }
  if (exitCode === ExitCode.outOfMemory) {
    return ['Memory ran out: lower the bin capacity or set recompute to block', 'A new run is needed for another capacity'];
  }
  if (exitCode === ExitCode.cannotWrite) return ['Something could not be written: look at the disk and its free space', resume];
  return ['This is a fault of the runner: resume, and if it happens again, report it with the lines of the log'];
}
