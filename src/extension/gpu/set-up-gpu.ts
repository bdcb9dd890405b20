import path from 'node:path';

import * as vscode from 'vscode';

import { WishboneError } from '../../core/errors.js';
import {
  DEFAULT_INDEX,
  discardFetched,
  fetchLibrary,
  type GpuState,
  gpuState,
  LIBRARY_VARIABLE,
  librarySize,
  mebibytes,
  planSetUp,
  removeLibrary,
  type SetUpOptions,
  type SetUpPlan,
  unpackedSize,
  useLibrary,
  userFolder,
} from '../../core/cuda-library/index.js';
import { sentence } from '../../format.js';
import { network } from '../network.js';
import { setting } from '../settings.js';
import { Meter } from './meter.js';
import { showInformation, showWarning, withProgress as showProgress } from '../messages.js';

const FETCH = 'Download';
const FETCH_ANYWAY = 'Download cuBLASLt Anyway';
const REMOVE = 'Remove';
const DISCARD = 'Discard';
const DEVICES = 'Show Devices';

/** Where cuBLASLt goes: the extension's own storage, which leaves with it. */
function libraryFolder({ globalStorageUri }: vscode.ExtensionContext): string {
  return path.join(globalStorageUri.fsPath, 'cuda');
}

/** The library of the settings that runners are told of now. */
let chosen: string | undefined;

/** Has runners use the library of the settings, else what was fetched, by this extension or by the command line. */
export function useFetchedLibrary(context: vscode.ExtensionContext): void {
  const own = setting('gpu.library', '').trim();
  if (own !== '') process.env[LIBRARY_VARIABLE] = own;
  else {
    if (process.env[LIBRARY_VARIABLE] === chosen) delete process.env[LIBRARY_VARIABLE];
    useLibrary([libraryFolder(context), userFolder()]);
  }
  chosen = own === '' ? undefined : own;
}

/**
 * Brings the machine's GPU into use as far as that can be done from here: fetches cuBLASLt where only that is missing, and
 * says what else is.
 *
 * @param onChanged runners may find other devices now
 * @throws WishboneError when it cannot be fetched, or what was fetched cannot be used
 */
export async function setUpGpu(context: vscode.ExtensionContext, onChanged: () => void): Promise<void> {
  const folder = libraryFolder(context);
  const state = await showProgress({ location: vscode.ProgressLocation.Window, title: 'Looking for a GPU' }, () => gpuState());
  switch (state.kind) {
    case 'ready':
      return tellReady(state, folder, onChanged);
    case 'cpu-only':
      throw new WishboneError(
        'this build of Wishbone has no CUDA support',
        'its native runner',
        'install the Linux x64 package with CUDA, or set wishbone.runner.path to a runner that has it',
      );
    case 'driver': {
      const library = await librarySize(folder);
      const offered = library === undefined ? [FETCH_ANYWAY] : [];
      const choice = await showWarning(`${closed(state.problem)} ${driverAdvice(state.problem)}`, ...offered);
      if (choice === FETCH_ANYWAY) await fetch(context, onChanged);
      return;
    }
    case 'library':
      return fetch(context, onChanged);
  }
}

async function tellReady({ devices }: Extract<GpuState, { kind: 'ready' }>, folder: string, onChanged: () => void): Promise<void> {
  const size = await librarySize(folder);
  const own = size === undefined ? '' : ` It uses the downloaded cuBLASLt (${mebibytes(size)}).`;
  const choice = await showInformation(`The GPU is ready: ${devices.join(', ')}.${own}`, DEVICES, ...(size === undefined ? [] : [REMOVE]));
  if (choice === DEVICES) await vscode.commands.executeCommand('wishbone.devices.focus');
  if (choice !== REMOVE) return;
  await removeLibrary(folder);
  onChanged();
}

async function fetch(context: vscode.ExtensionContext, onChanged: () => void): Promise<void> {
  const options: SetUpOptions = { folder: libraryFolder(context), index: indexUrl(), network: network() };
  const plan = await showProgress({ location: vscode.ProgressLocation.Window, title: 'Asking the package index' }, () =>
    planSetUp(options),
  );
  if (!(await consent(plan, options))) return;
  const library = await withProgress(plan, options);
  if (library === undefined) return tellCancelled(await planSetUp(options), options.folder);
  useFetchedLibrary(context);
  onChanged();
  await check(library, options.folder, onChanged);
}

async function consent({ wheel, fetched }: SetUpPlan, { folder, index }: SetUpOptions): Promise<boolean> {
  const size = wheel.size === undefined ? 'about 400 MiB' : mebibytes(wheel.size);
  const rest = fetched === 0 ? '' : ` ${mebibytes(fetched)} of it are already here from an earlier attempt.`;
  const choice = await showInformation(
    'Download cuBLASLt, NVIDIA’s matrix product library?',
    {
      modal: true,
      detail:
        `Training on the GPU needs it, and it is not on this machine.\n\n` +
        `${wheel.file}, ${size}, from ${new URL(wheel.url).host} (index: ${new URL(index).host}).${rest} ` +
        `Its SHA-256 is checked, and the library is unpacked (about ${mebibytes(unpackedSize(wheel))}) into ${folder}. NVIDIA’s CUDA licence applies.`,
    },
    FETCH,
  );
  return choice === FETCH;
}

/** The library's path; undefined when it was cancelled. */
function withProgress(plan: SetUpPlan, options: SetUpOptions): Thenable<string | undefined> {
  const place = { location: vscode.ProgressLocation.Notification, title: 'cuBLASLt', cancellable: true };
  return showProgress(place, async (progress, token) => {
    const abort = new AbortController();
    token.onCancellationRequested(() => abort.abort(new Error('cancelled')));
    const meter = new Meter((message, increment) => progress.report({ message, increment }));
    try {
      return await fetchLibrary(plan, options, { signal: abort.signal, onProgress: (state) => meter.show(state) });
    } catch (error) {
      if (abort.signal.aborted) return undefined;
      throw error;
    }
  });
}

async function tellCancelled(plan: SetUpPlan, folder: string): Promise<void> {
  if (plan.fetched === 0) return;
  const text = `${mebibytes(plan.fetched)} of cuBLASLt were downloaded. The next attempt continues from there.`;
  if ((await showInformation(text, DISCARD)) === DISCARD) await discardFetched(plan, folder);
}

/** Has the runner load the library, and says what came of it. */
async function check(library: string, folder: string, onChanged: () => void): Promise<void> {
  const state = await gpuState();
  switch (state.kind) {
    case 'ready': {
      const choice = await showInformation(`The GPU is ready: ${state.devices.join(', ')}.`, DEVICES);
      if (choice === DEVICES) await vscode.commands.executeCommand('wishbone.devices.focus');
      return;
    }
    case 'library':
      await removeLibrary(folder);
      onChanged();
      throw new WishboneError(
        `the downloaded library cannot be used and was removed: ${state.problem}`,
        library,
        'run Set Up GPU again, or install cuBLAS 13 yourself',
      );
    default: {
      const problem = state.kind === 'driver' ? state.problem : 'The runner has no CUDA support';
      void showWarning(`cuBLASLt is in place. ${closed(problem)} ${driverAdvice(problem)}`);
    }
  }
}

/** What the driver lacks is for whoever runs the machine. */
function driverAdvice(problem: string): string {
  if (/no NVIDIA driver/i.test(problem))
    return 'Install NVIDIA’s driver, version 580 or newer (CUDA 13); in a container, start it with its GPUs.';
  if (/driver is too old/i.test(problem)) return 'Update it to version 580 or newer (CUDA 13).';
  return 'Until then, runs use the CPU.';
}

const closed = (text: string): string => (/[.!?]$/.test(text) ? sentence(text) : `${sentence(text)}.`);

function indexUrl(): string {
  const url = setting('gpu.indexUrl', DEFAULT_INDEX).trim();
  return url === '' ? DEFAULT_INDEX : url;
}
