/**
 * How a run stands.
 *
 * - `planned`: the folder is whole, no runner was started yet
 * - `queued`: a cluster has it and it waits there, for its first start or to go on
 * - `starting`: a runner process lives and has not written its `start` event
 * - `running`, `stopping`: it lives; in the second case a stop was asked for
 * - `finished`, `stopped`, `failed`: the runner said so
 * - `crashed`: the process is gone and said nothing
 */
export type RunState = 'planned' | 'queued' | 'starting' | 'running' | 'stopping' | 'finished' | 'stopped' | 'failed' | 'crashed';

/** True while a process works on the run, or will without anybody doing anything. */
export function isActive(state: RunState): boolean {
  return state === 'queued' || state === 'starting' || state === 'running' || state === 'stopping';
}

/** True when a run can go on from its last checkpoint, or from the start when it has none. */
export function isResumable(state: RunState): boolean {
  return state === 'stopped' || state === 'failed' || state === 'crashed';
}
