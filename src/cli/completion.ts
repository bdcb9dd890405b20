import { readdirSync } from 'node:fs';
import tab from '@bomb.sh/tab/commander';
import type { Command } from 'commander';
import { RUNS_FOLDER } from '../core/run/index.js';

/**
 * Adds `wishbone completion bash|zsh|fish|powershell`, which prints a script for the shell, and the hidden command that
 * the script asks for suggestions. To be called last: it looks at all commands, their options and choices. Arguments that
 * are runs are completed from the folder of runs, all others by the shell: they are files.
 */
export function addCompletionCommand(program: Command): void {
  const completion = tab(program, { completionCommandName: 'completion' });
  const added = program.commands.find((command) => command.name() === 'completion');
  added
    ?.summary('print a completion script for your shell')
    .description('Prints a script that completes commands, options and runs. For bash: source <(wishbone completion bash)');
  for (const command of completion.commands.values()) {
    // What names a run is called so, or takes what is called so.
    for (const run of [command.arguments.get('run'), command.options.get('resume')]) {
      if (run === undefined) continue;
      run.handler = (suggest) => {
        for (const id of runIds()) suggest(id, '');
      };
    }
  }
}

function runIds(): string[] {
  try {
    const entries = readdirSync(RUNS_FOLDER, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name);
  } catch {
    // There are none yet.
    return [];
  }
}
