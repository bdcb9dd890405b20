import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { ExitCode, WishboneError } from '../errors.js';
import { locateRunner } from './locate-runner.js';

/** One thing that the runner can compute on; its place in the list is its number. */
export interface DeviceInfo {
  readonly name: string;
  /** Hardware threads, of a CPU. */
  readonly threads?: number;
  /** Bytes, of a GPU. */
  readonly memory?: number;
  /** Compute capability of a GPU, such as `9.0`. */
  readonly capability?: string;
}

/** What one backend of the runner finds on this machine (docs/formats.md, `info --json`). */
export interface BackendInfo {
  readonly name: string;
  readonly available: boolean;
  readonly devices: readonly DeviceInfo[];
  /** Why it is not available. */
  readonly problem?: string;
  /** Why several of its devices cannot work on one run. */
  readonly apart?: string;
}

/** A GPU's driver may take seconds to wake up. */
const PATIENCE_MILLISECONDS = 20_000;

/**
 * The runner's backends. None when the runner does not answer: what computes is nice to know before a run, but only the
 * run itself needs it.
 */
export async function runnerBackends(runner?: string): Promise<readonly BackendInfo[]> {
  return askBackends(runner).catch(() => []);
}

/**
 * {@link runnerBackends} for whoever wants to know why there are none.
 *
 * @throws WishboneError when there is no runner, or it does not answer as it should
 */
export async function askBackends(runner?: string): Promise<readonly BackendInfo[]> {
  const program = runner ?? (await locateRunner());
  const advice = 'run it with `info --json` in a terminal to see the reason; if it was not built here, build it';
  let stdout: string;
  try {
    // Not execa, which ends the process that asks where no further file can be opened.
    ({ stdout } = await promisify(execFile)(program, ['info', '--json'], { timeout: PATIENCE_MILLISECONDS }));
  } catch (error) {
    const [why] = (error as Error).message.split('\n');
    throw new WishboneError(`the runner does not answer: ${why}`, program, advice, ExitCode.internal);
  }
  try {
    return parseBackends(stdout);
  } catch {
    throw new WishboneError('the runner printed something that is not JSON', program, advice, ExitCode.internal);
  }
}

/** The backends in what `info --json` printed; those that are not as they should be are left out. */
export function parseBackends(json: string): readonly BackendInfo[] {
  const { backends } = JSON.parse(json) as { backends?: unknown };
  return Array.isArray(backends) ? backends.filter(isBackend) : [];
}

function isBackend(value: unknown): value is BackendInfo {
  if (typeof value !== 'object' || value === null) return false;
  const { name, available, devices, problem, apart } = value as Readonly<Record<string, unknown>>;
  return (
    typeof name === 'string' &&
    typeof available === 'boolean' &&
    Array.isArray(devices) &&
    devices.every(isDevice) &&
    (problem === undefined || typeof problem === 'string') &&
    (apart === undefined || typeof apart === 'string')
  );
}

function isDevice(value: unknown): value is DeviceInfo {
  if (typeof value !== 'object' || value === null) return false;
  const { name, threads, memory, capability } = value as Readonly<Record<string, unknown>>;
  const countOrNone = (count: unknown): boolean => count === undefined || Number.isSafeInteger(count);
  return (
    typeof name === 'string' && countOrNone(threads) && countOrNone(memory) && (capability === undefined || typeof capability === 'string')
  );
}

/**
 * The backend that `auto` comes to: CUDA where it is available. The runner itself decides when it starts; should the GPU
 * fail it then, it takes the CPU.
 */
export function autoBackend(backends: readonly BackendInfo[]): string {
  return backends.some(({ name, available }) => name === 'cuda' && available) ? 'cuda' : 'cpu';
}
