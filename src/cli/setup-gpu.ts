import type { Command } from 'commander';
import { WishboneError } from '../core/errors.js';
import {
  DEFAULT_INDEX,
  fetchLibrary,
  gpuState,
  librarySize,
  mebibytes,
  planSetUp,
  removeLibrary,
  useLibrary,
  userFolder,
} from '../core/cuda-library/index.js';
import type { Progress } from '../core/work/progress.js';
import { askYes } from './ask.js';
import { cancellable } from './interrupt.js';
import { StatusLine } from './terminal.js';

interface Options {
  readonly indexUrl: string;
  readonly check?: boolean;
  readonly remove?: boolean;
  readonly yes?: boolean;
}

const PHASES: Readonly<Record<string, string>> = { download: 'Downloading', verify: 'Checking', unpack: 'Unpacking' };

export function addSetupGpuCommand(program: Command): void {
  program
    .command('setup-gpu')
    .summary("download NVIDIA's cuBLASLt if it is missing, and report what else the GPU needs")
    .description(
      `Training on a GPU needs an NVIDIA driver for CUDA 13 and the library cuBLASLt 13. This command downloads the library\n` +
        `(about 400 MB) from a Python package index, checks it, and stores it in ${userFolder()}. Python is not needed.`,
    )
    .option('--index-url <address>', 'package index to download from, such as a mirror', DEFAULT_INDEX)
    .option('--check', 'only report the current state; download nothing')
    .option('--remove', 'delete the downloaded library')
    .option('-y, --yes', 'do not ask')
    .action(setupGpuCommand);
}

async function setupGpuCommand(options: Options): Promise<void> {
  const folder = userFolder();
  if (options.remove) {
    const size = await librarySize(folder);
    await removeLibrary(folder);
    console.log(size === undefined ? 'there was nothing to delete' : `removed ${mebibytes(size)} from ${folder}`);
    return;
  }
  const state = await gpuState();
  if (state.kind === 'ready') return console.log(`the GPU is ready: ${state.devices.join(', ')}`);
  if (state.kind === 'cpu-only')
    throw new WishboneError(
      'this build of Wishbone has no CUDA support',
      'its native runner',
      'install the package with CUDA, or set WISHBONE_RUNNER to a runner that has it',
    );
  if (state.kind === 'driver') throw driverError(state.problem);
  if (options.check) throw new WishboneError(state.problem, folder, 'download it: wishbone setup-gpu');
  await fetchAndCheck(folder, options);
}

async function fetchAndCheck(folder: string, options: Options): Promise<void> {
  const status = new StatusLine();
  const setUp = { folder, index: options.indexUrl, network: {} };
  const library = await cancellable(async (signal) => {
    const plan = await planSetUp(setUp, signal);
    const { wheel, fetched } = plan;
    const rest = fetched === 0 ? '' : `, of which ${mebibytes(fetched)} are already here`;
    status.note(`${wheel.file}${wheel.size === undefined ? '' : `, ${mebibytes(wheel.size)}`}${rest}, from ${new URL(wheel.url).host}`);
    if (!options.yes && !(await agreed(signal))) return undefined;
    return fetchLibrary(plan, setUp, { signal, onProgress: (progress) => status.show(progressLine(progress)) });
  }).finally(() => status.clear());
  if (library === undefined) return console.log('nothing was downloaded');
  useLibrary([folder]);
  const state = await gpuState();
  if (state.kind === 'ready') return console.log(`the GPU is ready: ${state.devices.join(', ')}\n${library}`);
  if (state.kind === 'driver') throw driverError(state.problem);
  await removeLibrary(folder);
  const why = state.kind === 'library' ? state.problem : 'the runner has no CUDA support';
  throw new WishboneError(
    `the downloaded library cannot be used and was removed: ${why}`,
    library,
    'try again, or install cuBLAS 13 yourself',
  );
}

/** Asks on a terminal; where there is none, nobody can be asked. */
async function agreed(signal: AbortSignal): Promise<boolean> {
  if (!process.stdin.isTTY) throw new WishboneError('cannot ask for confirmation here', 'the command line', 'add --yes to download it');
  return askYes("Download it? NVIDIA's CUDA licence applies.", signal);
}

function driverError(problem: string): WishboneError {
  return new WishboneError(
    problem.replace(/\.$/, ''),
    'this machine',
    'install an NVIDIA driver for CUDA 13 (580 or newer); in a container, start it with its GPUs',
  );
}

const progressLine = ({ phase, done, total }: Progress): string =>
  `${PHASES[phase] ?? phase}: ${mebibytes(done)}${total > 0 ? ` of ${mebibytes(total)}` : ''}`;
