import { Command, CommanderError } from 'commander';
import { version } from '../../package.json';
import { ExitCode, WishboneError } from '../core/errors.js';
import { addConvertCommand } from './convert.js';
import { addCacheCommand } from './cache.js';
import { addExportCommand } from './export.js';
import { Interrupted } from './interrupt.js';
import { addPlanCommand } from './plan.js';
import { addSampleCommand } from './sample.js';
import { addSpeedupCommand } from './speedup.js';
import { addTrainCommand } from './train.js';

function buildProgram(): Command {
  const program = new Command('wishbone')
    .description('Preference tuning with prefix sharing.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand(false)
    .option('--verbose', 'with an unexpected error, print where it came from')
    .showSuggestionAfterError()
    .exitOverride()
    // Errors are printed in one place, below.
    .configureOutput({ outputError: () => undefined });
  addPlanCommand(program);
  addTrainCommand(program);
  addSpeedupCommand(program);
  addSampleCommand(program);
  addExportCommand(program);
  addConvertCommand(program);
  addCacheCommand(program);
  program.commands.forEach((command) =>
    command.copyInheritedSettings(program).option('--verbose', 'with an unexpected error, print where it came from'),
  );
  return program;
}

/** Runs the command line. @returns the exit code */
async function main(args: readonly string[]): Promise<ExitCode> {
  try {
    const program = buildProgram();
    if (args.length === 0) {
      program.outputHelp();
      return ExitCode.ok;
    }
    await program.parseAsync(args, { from: 'user' });
    return ExitCode.ok;
  } catch (error) {
    return report(error, args);
  }
}

function report(error: unknown, args: readonly string[]): ExitCode {
  if (error instanceof Interrupted) {
    process.stderr.write('interrupted\n');
    return ExitCode.interrupted;
  }
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return ExitCode.ok;
    const what = error.message.replace(/^error: /, '').replace(/\n/g, ' ');
    const known = ['plan', 'train', 'speedup', 'sample', 'convert', 'cache'].find((name) => name === args[0]);
    const help = known === undefined ? 'wishbone --help' : `wishbone ${known} --help`;
    return report(new WishboneError(what, 'the command line', `see \`${help}\``, ExitCode.usage), args);
  }
  if (error instanceof WishboneError) {
    process.stderr.write(`${error.format()}\n`);
    return error.exitCode;
  }
  const fault = error instanceof Error ? error : new Error(String(error));
  const verbose = args.includes('--verbose');
  const line = `error: unexpected: ${fault.message.split('\n')[0] ?? ''}`;
  process.stderr.write(
    verbose ? `${line}\n${fault.stack ?? ''}\n` : `${line} (run again with --verbose to see where)\n`,
  );
  return ExitCode.internal;
}

// The exit code is set, not forced: output to a pipe must be written to its end.
void main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
