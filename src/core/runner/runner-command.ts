import { liftedLimit } from '../transport/hard-limit.js';

/** How the runner is started from any process: one with a limit on its memory does not hand it on. */
export function runnerCommand(runner: string, args: readonly string[]): [file: string, args: string[]] {
  const [file, ...all] = [...liftedLimit(), runner, ...args];
  return [file!, all];
}
