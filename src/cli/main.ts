import { Command, CommanderError } from 'commander';
import { version } from '../../package.json';
import { useLibrary, userFolder } from '../core/cuda-library/library.js';
import { ExitCode, WishboneError } from '../core/errors.js';
import { cannotWrite } from '../core/files/atomic-file.js';
import { addCacheCommand } from './cache.js';
import { addCheckCommand } from './check.js';
import { addCompareCommand } from './compare.js';
import { addCompletionCommand } from './completion.js';
import { addConvertCommand } from './convert.js';
import { Exit } from './exit.js';
import { addExportCommand } from './export.js';
import { Interrupted } from './interrupt.js';
import { guardOutput, outputFault } from './safe-output.js';
import { addJudgeCommand } from './judge.js';
import { optionDescription, optionMeant } from './options.js';
import { addPairsCommand } from './pairs.js';
import { addPlanCommand } from './plan.js';
import { addPushCommand } from './push.js';
import { refuseEmpty } from './refuse-empty.js';
import { addRunsCommand } from './runs.js';
import { addSampleCommand } from './sample.js';
import { addSetupGpuCommand } from './setup-gpu.js';
import { addShowCommand } from './show.js';
import { addSpeedupCommand } from './speedup.js';
import { addStopCommand } from './stop.js';
import { addSweepCommand } from './sweep.js';
import { addTrackCommand } from './track.js';
import { addTrainCommand } from './train.js';
import { addWhyCommand } from './why.js';

/** In the order of the help: before a run, a run, what is left of it, and the rest. */
const COMMANDS = [
  addCheckCommand,
  addPlanCommand,
  addSpeedupCommand,
  addTrainCommand,
  addSweepCommand,
  addRunsCommand,
  addShowCommand,
  addCompareCommand,
  addPairsCommand,
  addWhyCommand,
  addStopCommand,
  addExportCommand,
  addPushCommand,
  addTrackCommand,
  addSampleCommand,
  addJudgeCommand,
  addConvertCommand,
  addCacheCommand,
  addSetupGpuCommand,
];

function buildProgram(): Command {
  const program = new Command('wishbone')
    .description('Preference tuning with prefix sharing.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand(false)
    .configureHelp({ optionDescription })
    .option('--verbose', 'print where an unexpected error came from')
    .showSuggestionAfterError()
    .exitOverride()
    // Errors are printed in one place, below.
    .configureOutput({ outputError: () => undefined });
  for (const add of COMMANDS) add(program);
  program.commands.forEach((command) =>
    command.copyInheritedSettings(program).option('--verbose', 'print where an unexpected error came from'),
  );
  program.commands.forEach(refuseEmpty);
  addCompletionCommand(program);
  return program;
}

/** Runs the command line. @returns the exit code */
async function main(args: readonly string[]): Promise<ExitCode> {
  const program = buildProgram();
  useLibrary([userFolder()]);
  try {
    if (args.length === 0) {
      program.outputHelp();
      return ExitCode.ok;
    }
    await program.parseAsync(args, { from: 'user' });
    return ExitCode.ok;
  } catch (error) {
    if (error instanceof Exit) return error.code;
    if (error instanceof CommanderError && error.exitCode === 0) return ExitCode.ok;
    const verbose = args.includes('--verbose');
    const { text, ...facts } = errorFacts(error, program, args, verbose);
    process.stderr.write(`${text}\n`);
    // A script that asked for JSON finds its one object on standard output whatever happens.
    if (args.includes('--json')) console.log(JSON.stringify({ error: facts }));
    return facts.exitCode;
  }
}

/** What Node.js puts in the place of bytes that are no UTF-8: the path that was given cannot be told from it. */
const NO_UTF8 = '\ufffd';
const RENAME = 'the path has bytes that are not UTF-8, which Node.js cannot open: rename the file, or give a link to it';

interface ErrorFacts {
  /** What a person is shown. */
  readonly text: string;
  readonly what: string;
  readonly where?: string;
  readonly advice?: string;
  readonly exitCode: ExitCode;
}

function errorFacts(error: unknown, program: Command, args: readonly string[], verbose: boolean): ErrorFacts {
  if (error instanceof Interrupted) return { text: 'interrupted', what: 'interrupted', exitCode: ExitCode.interrupted };
  if (error instanceof CommanderError) {
    const what = error.message
      .replace(/^error: /, '')
      .replace(/\n/g, ' ')
      // Commander's words, and then ours.
      .replace(
        / is invalid( for argument '\S+')?\. (.)/,
        (_, of: string | undefined, first: string) => `${of ?? ''} is invalid: ${first.toLowerCase()}`,
      );
    const known = program.commands.find((command) => command.name() === args[0])?.name();
    const help = known === undefined ? 'wishbone --help' : `wishbone ${known} --help`;
    const advice = (error.code === 'commander.unknownOption' ? optionMeant(what) : undefined) ?? `see \`${help}\``;
    return errorFacts(new WishboneError(what, 'the command line', advice, ExitCode.usage), program, args, verbose);
  }
  if (error instanceof WishboneError) {
    const { what, where, advice, exitCode } = error;
    if (where.includes(NO_UTF8) && args.some((each) => each.includes(NO_UTF8)) && advice !== RENAME)
      return errorFacts(new WishboneError(what, where, RENAME, exitCode), program, args, verbose);
    return { text: error.format(), what, where, advice, exitCode };
  }
  if (['EMFILE', 'ENFILE'].includes((error as NodeJS.ErrnoException | undefined)?.code ?? '')) {
    const advice = 'raise the limit, for example with ulimit -n 1024';
    return errorFacts(new WishboneError('too many files are open', 'this machine', advice, ExitCode.outOfMemory), program, args, verbose);
  }
  const fault = error instanceof Error ? error : new Error(String(error));
  const what = `unexpected: ${fault.message.split('\n')[0] ?? ''}`;
  const text = verbose ? `error: ${what}\n${fault.stack ?? ''}` : `error: ${what} (run again with --verbose to see where)`;
  return { text, what, exitCode: ExitCode.internal };
}

guardOutput();
// The exit code is set, not forced: output to a pipe must be written to its end.
void main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
process.once('exit', (code) => {
  const fault = outputFault();
  if (fault === undefined || code !== ExitCode.ok) return;
  const error = cannotWrite('standard output', fault);
  process.stderr.write(`${error instanceof WishboneError ? error.format() : fault.message}\n`);
  process.exitCode = ExitCode.cannotWrite;
});
