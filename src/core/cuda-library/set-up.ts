import { rm } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, WishboneError } from '../errors.js';
import type { WorkOptions } from '../work/progress.js';
import { freeBytes } from '../run/disk.js';
import { askBackends, type BackendInfo } from '../runner/runner-info.js';
import { ConnectionError, discardPart, download, fetchedBytes, type Network } from '../download/index.js';
import { LIBRARY, libraryFile } from './library.js';
import { unpackMember } from './unpack.js';
import { findWheel, type Wheel } from './wheel-index.js';

/** What stands between the runner and the GPU. */
export type GpuState =
  /** It can be used. */
  | { readonly kind: 'ready'; readonly devices: readonly string[] }
  /** Only cuBLASLt is missing. */
  | { readonly kind: 'library'; readonly problem: string }
  /** The driver, or the GPU itself: with what the runner says of it. */
  | { readonly kind: 'driver'; readonly problem: string }
  /** The runner has no CUDA in it. */
  | { readonly kind: 'cpu-only' };

/** Asks the runner. @throws WishboneError when it does not answer */
export async function gpuState(runner?: string): Promise<GpuState> {
  return stateOfBackends(await askBackends(runner));
}

export function stateOfBackends(backends: readonly BackendInfo[]): GpuState {
  const cuda = backends.find(({ name }) => name === 'cuda');
  if (cuda?.available === true) return { kind: 'ready', devices: cuda.devices.map(({ name }) => name) };
  const problem = cuda?.problem ?? '';
  if (cuda === undefined || /built without CUDA/i.test(problem)) return { kind: 'cpu-only' };
  return { kind: /cublaslt/i.test(problem) ? 'library' : 'driver', problem };
}

/** What will be fetched, and from where. */
export interface SetUpPlan {
  readonly wheel: Wheel;
  /** Bytes of it that an earlier attempt has brought. */
  readonly fetched: number;
}

export interface SetUpOptions {
  /** Where the library goes. */
  readonly folder: string;
  readonly index: string;
  readonly network: Network;
  /** As Python calls the machine; by default this one. */
  readonly machine?: string | undefined;
  /** Free bytes of the disk at a folder; for tests. */
  readonly free?: ((folder: string) => Promise<number | undefined>) | undefined;
}

const machineName = (): string => (process.arch === 'arm64' ? 'aarch64' : 'x86_64');
const partFile = (folder: string, { sha256 }: Wheel): string => path.join(folder, `${sha256}.whl.part`);

/** Looks up what is to be fetched, so that somebody can be asked first. @throws WishboneError */
export async function planSetUp(
  { folder, index, network, machine = machineName() }: SetUpOptions,
  signal?: AbortSignal,
): Promise<SetUpPlan> {
  try {
    const wheel = await findWheel(index, machine, network, signal);
    return { wheel, fetched: await fetchedBytes(partFile(folder, wheel)) };
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error;
    throw new WishboneError(
      `the package index does not answer: ${error.message}`,
      index,
      'check the network (behind a proxy: http.proxy, HTTPS_PROXY), or set another index (wishbone.gpu.indexUrl, --index-url)',
    );
  }
}

/**
 * Fetches the wheel, checks it, and takes the library out of it. Cancelled or cut off, what has come stays and is gone on
 * from next time.
 *
 * @returns the library's path
 * @throws WishboneError, the signal's reason
 */
export async function fetchLibrary(
  { wheel, fetched }: SetUpPlan,
  { folder, network, free = freeBytes }: SetUpOptions,
  work: WorkOptions = {},
): Promise<string> {
  const part = partFile(folder, wheel);
  const room = await free(folder);
  // Both are there for a moment.
  const need = wheel.size === undefined ? 0 : wheel.size - fetched + unpackedSize(wheel);
  if (room !== undefined && room < need) {
    const what = `the disk has ${mebibytes(room)} free, but unpacking needs ${mebibytes(need)}`;
    throw new WishboneError(what, folder, 'free some space', ExitCode.cannotWrite);
  }
  const { url, size, sha256 } = wheel;
  await download({ url, size, check: { algorithm: 'sha256', digest: sha256 } }, part, network, work);
  const library = libraryFile(folder);
  await unpackMember(part, LIBRARY, library, work);
  await rm(part, { force: true });
  return library;
}

/** Removes what attempts have brought so far. */
export async function discardFetched({ wheel }: SetUpPlan, folder: string): Promise<void> {
  await discardPart(partFile(folder, wheel));
}

/** Bytes of the library, about: of 13.1.0.3 it is 1.28 times its wheel. */
export const unpackedSize = ({ size = 423e6 }: Pick<Wheel, 'size'>): number => 1.35 * size;

export const mebibytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;
