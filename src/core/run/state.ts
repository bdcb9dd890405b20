import { readEventEnds } from '../events/event-ends.js';
import { RunHistory } from '../history/history.js';
import { jobState } from '../slurm/job-state.js';
import { readJobRecord } from '../slurm/job-record.js';
import { isAlive } from './process-identity.js';
import { isElsewhere, readProcessRecord, sameProcess } from './process-record.js';
import type { RunState } from './states.js';

export { isActive, isResumable, type RunState } from './states.js';

/** How a run stands, from its events and from whether its process lives. A log that cannot be read has no events. */
export async function runState(folder: string): Promise<RunState> {
  const history = new RunHistory();
  // Its starts and its end say all of it, however long the log is.
  for (const event of await readEventEnds(folder, { evals: true })) history.add(event);
  return stateOf(folder, history);
}

/** {@link runState} for events that were read already. */
export async function stateOf(folder: string, history: RunHistory): Promise<RunState> {
  const job = await readJobRecord(folder);
  const id = job?.id;
  if (job !== undefined && id !== undefined) return jobState(folder, { ...job, id }, history);
  const record = await readProcessRecord(folder);
  const { start, terminal } = history;
  const started = start !== undefined && (record === undefined || sameProcess(record, start));
  const isRecordAlive = record !== undefined && ((await isElsewhere(record)) ? record.ended === undefined : await isAlive(record));
  if (record !== undefined && !started && isRecordAlive) return record.stopAsked === undefined ? 'starting' : 'stopping';
  if (terminal !== undefined) return terminal.type;
  if (start === undefined) return record === undefined ? 'planned' : 'crashed';
  if (!(record !== undefined && started ? isRecordAlive : await isAlive(start))) return 'crashed';
  return started && record?.stopAsked !== undefined ? 'stopping' : 'running';
}
