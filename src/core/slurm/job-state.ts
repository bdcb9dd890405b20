import type { RunHistory } from '../history/history.js';
import type { RunState } from '../run/states.js';
import { isRequeued, type JobRecord } from './job-record.js';
import { isLive, isWaiting, lookAtJob, slurmProblem } from './queue.js';

/** How a run that a cluster has stands, and what to say about it. */
export interface JobStatus {
  readonly id: string;
  readonly target: string;
  /** Slurm's words: a state, and why it waits; empty as long as it was not asked. */
  readonly state: string;
  readonly reason: string;
  readonly nodes: string;
  /** It goes on from a checkpoint, not from the start. */
  readonly requeued: boolean;
  /** Why Slurm does not answer; empty when it does. */
  readonly problem: string;
}

/** What there is to say of a run's job; undefined when it has none. */
export async function jobStatus(
  folder: string,
  job: JobRecord | undefined,
  history: Pick<RunHistory, 'start' | 'terminal'>,
): Promise<JobStatus | undefined> {
  if (job?.id === undefined) return undefined;
  const { id, target } = job;
  const view = job.cancelled ? undefined : await lookAtJob(folder, id);
  const begun = history.start !== undefined && history.start.seq > (job.seq ?? -1);
  return {
    id,
    target,
    state: view?.state ?? '',
    reason: view?.reason ?? '',
    nodes: view?.nodes ?? '',
    requeued: begun && (history.terminal?.type === 'stopped' || (view !== undefined && isWaiting(view)) || (await isRequeued(folder))),
    problem: await slurmProblem(folder),
  };
}

/**
 * How a run stands that was given to a cluster: what its events say counts most, for they are at once there; what Slurm says decides about
 * a job that has not begun, went back into the queue, or is gone without a word.
 *
 * @param before how it stood before it was submitted
 */
export async function jobState(
  folder: string,
  job: JobRecord & { readonly id: string },
  { start, terminal, lastEvent }: Pick<RunHistory, 'start' | 'terminal' | 'lastEvent'>,
): Promise<RunState> {
  const before: RunState = terminal?.type ?? (start === undefined ? 'planned' : 'crashed');
  if (job.cancelled) return before;
  const begun = start !== undefined && start.seq > (job.seq ?? -1);
  if (begun && terminal !== undefined) {
    if (terminal.type !== 'stopped' || job.stopAsked !== undefined) return terminal.type;
    // Saved before a time limit, or for somebody else's job: does it go on?
    const view = await lookAtJob(folder, job.id);
    const isNewer = view !== undefined && view.asked > Date.parse(terminal.time);
    if (isNewer) return isLive(view) ? 'queued' : 'stopped';
    return (await isRequeued(folder)) ? 'queued' : 'stopped';
  }
  const view = await lookAtJob(folder, job.id);
  const active = (state: RunState): RunState => (job.stopAsked === undefined ? state : 'stopping');
  if (begun) {
    const isNewer = view !== undefined && view.asked > Date.parse(lastEvent?.time ?? start.time);
    if (!isNewer) return active('running');
    if (isWaiting(view)) return active('queued');
    return isLive(view) ? active('running') : 'crashed';
  }
  if (view === undefined || isWaiting(view)) return active('queued');
  if (isLive(view)) return active('starting');
  return job.stopAsked === undefined ? 'crashed' : before;
}
