import { readEventEnds } from '../events/event-ends.js';
import { RunHistory } from '../history/history.js';
import { isAlive } from './process-identity.js';
import { readProcessRecord, sameProcess } from './process-record.js';

/**
 * How a run stands.
 *
 * - `planned`: the folder is whole, no runner was started yet
 * - `starting`: a runner process lives and has not written its `start` event
 * - `running`, `stopping`: it lives; in the second case a stop was asked for
 * - `finished`, `stopped`, `failed`: the runner said so
 * - `crashed`: the process is gone and said nothing
 */
export type RunState = 'planned' | 'starting' | 'running' | 'stopping' | 'finished' | 'stopped' | 'failed' | 'crashed';

/** True while a process works on the run. */
export function isActive(state: RunState): boolean {
  return state === 'starting' || state === 'running' || state === 'stopping';
}

/** True when a run can go on from its last checkpoint, or from the start when it has none. */
export function isResumable(state: RunState): boolean {
  return state === 'stopped' || state === 'failed' || state === 'crashed';
}

/** How a run stands, from its events and from whether its process lives. A log that cannot be read has no events. */
export async function runState(folder: string): Promise<RunState> {
  const history = new RunHistory();
  // Its starts and its end say all of it, however long the log is.
  for (const event of await readEventEnds(folder, { evals: true })) history.add(event);
  return stateOf(folder, history);
}

/** {@link runState} for events that were read already. */
export async function stateOf(folder: string, history: RunHistory): Promise<RunState> {
  const record = await readProcessRecord(folder);
  const { start, terminal } = history;
  const started = start !== undefined && (record === undefined || sameProcess(record, start));
  if (record !== undefined && !started && (await isAlive(record))) return record.stopAsked === undefined ? 'starting' : 'stopping';
  if (terminal !== undefined) return terminal.type;
  if (start === undefined) return record === undefined ? 'planned' : 'crashed';
  if (!(await isAlive(start))) return 'crashed';
  return started && record?.stopAsked !== undefined ? 'stopping' : 'running';
}
