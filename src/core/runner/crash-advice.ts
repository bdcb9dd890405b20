import { ExitCode } from '../errors.js';

/** How a process ended, as `process.json` has it; undefined when nobody saw it. */
export type Ended = { readonly exitCode: number | null; readonly signal: string | null } | undefined;

/** What to do about a runner that ended without a word, likeliest first. */
export function crashAdvice(ended: Ended): string[] {
  const resume = 'Resume: nothing before the last checkpoint is lost';
  if (ended === undefined) return ['The machine may have restarted, or something ended the process', resume];
  const { exitCode, signal } = ended;
  if (signal === 'SIGKILL') {
    return [
      'The system most likely killed it because memory ran out; check `dmesg`',
      'Lower the bin capacity, set recompute to block, or use fewer threads; then resume',
    ];
  }
  if (signal === 'SIGTERM' || signal === 'SIGHUP' || signal === 'SIGINT' || exitCode === ExitCode.interrupted) {
    return ['Someone, or the system, ended it', resume];
  }
  if (exitCode === ExitCode.outOfMemory) {
    return ['Memory ran out: lower the bin capacity or set recompute to block', 'Changing the capacity needs a new run'];
  }
  if (exitCode === ExitCode.cannotWrite) return ['Something could not be written: check the disk and its free space', resume];
  return ['This is a bug in the runner: resume, and if it happens again, report it with the log lines'];
}
