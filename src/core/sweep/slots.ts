import type { RunnerOptions } from '../options/index.js';

/** What runs that go at the same time divide between them. */
export interface Share {
  /** So many at once. */
  readonly parallel: number | 'auto';
  /** GPUs of the machine; 0: they are on the CPU. */
  readonly gpus: number;
}

/**
 * Which GPUs a run of a sweep gets while others are at work.
 *
 * @param free numbers of the GPUs that no run uses
 * @returns undefined: it has to wait. `as-asked`: what its options say, since it has no others beside it, or none that would matter
 */
export function allot(
  { devices, device }: Pick<RunnerOptions, 'devices' | 'device'>,
  { parallel, gpus }: Share,
  free: readonly number[],
  atWork: number,
): readonly number[] | 'as-asked' | undefined {
  if (parallel !== 'auto' && atWork >= parallel) return undefined;
  // The CPU's cores are one device. Somebody who says how many runs they are for has it so.
  if (gpus === 0) return parallel === 'auto' && atWork > 0 ? undefined : 'as-asked';
  if (parallel === 1) return 'as-asked';
  if (typeof devices === 'object' || device !== 0) {
    const named = typeof devices === 'object' ? devices : Array.from({ length: devices === 'auto' ? 1 : devices }, (_, i) => device + i);
    // What there is not is refused where the run is begun.
    if (named.some((number) => number >= gpus)) return 'as-asked';
    return named.every((number) => free.includes(number)) ? named : undefined;
  }
  const need = devices === 'auto' ? (parallel === 'auto' ? 1 : Math.max(1, Math.floor(gpus / parallel))) : devices;
  if (need > gpus) return 'as-asked';
  return free.length >= need ? free.slice(0, need) : undefined;
}
