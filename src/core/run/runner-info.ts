import { locateRunner } from './runner.js';

/** What one backend of the runner finds on this machine (docs/formats.md, `info --json`). */
export interface BackendInfo {
  readonly name: string;
  readonly available: boolean;
  readonly devices: readonly { readonly name: string }[];
  /** Why it is not available. */
  readonly problem?: string;
}

/** A GPU's driver may take seconds to wake up. */
const PATIENCE_MILLISECONDS = 20_000;

/**
 * The runner's backends. None when the runner does not answer: what computes is nice to know before a run, but only the
 * run itself needs it.
 */
export async function runnerBackends(runner?: string): Promise<readonly BackendInfo[]> {
  try {
    const { execa } = await import('execa');
    const program = runner ?? (await locateRunner());
    const { stdout } = await execa(program, ['info', '--json'], { stdin: 'ignore', timeout: PATIENCE_MILLISECONDS });
    return parseBackends(stdout);
  } catch {
    return [];
  }
}

/** The backends in what `info --json` printed; those that are not as they should be are left out. */
export function parseBackends(json: string): readonly BackendInfo[] {
  const { backends } = JSON.parse(json) as { backends?: unknown };
  return Array.isArray(backends) ? backends.filter(isBackend) : [];
}

function isBackend(value: unknown): value is BackendInfo {
  if (typeof value !== 'object' || value === null) return false;
  const { name, available, devices, problem } = value as Readonly<Record<string, unknown>>;
  return (
    typeof name === 'string' &&
    typeof available === 'boolean' &&
    Array.isArray(devices) &&
    devices.every((device: unknown) => typeof (device as { name?: unknown } | null)?.name === 'string') &&
    (problem === undefined || typeof problem === 'string')
  );
}

/**
 * The backend that `auto` comes to: CUDA where it is available. The runner itself decides when it starts; should the GPU
 * fail it then, it takes the CPU.
 */
export function autoBackend(backends: readonly BackendInfo[]): string {
  return backends.some(({ name, available }) => name === 'cuda' && available) ? 'cuda' : 'cpu';
}
