import type { RunState } from '../run/states.js';
import type { JobStatus } from './job-state.js';

/** A run's job in a line: which, where, what it waits for, in Slurm's own words. */
export function jobText({ id, target, state, reason, nodes, requeued, problem }: JobStatus, run: RunState): string {
  const parts = [`job ${id} on ${target}`];
  if (run === 'queued') {
    if (requeued) parts.push('goes on from its last checkpoint');
    if (reason !== '') parts.push(`waits: ${reason}`);
  } else {
    if (nodes !== '') parts.push(nodes);
    if (run === 'crashed' && state !== '') parts.push(reason === '' ? `Slurm says ${state}` : `Slurm says ${state}: ${reason}`);
  }
  if (problem !== '' && run !== 'finished') parts.push(problem);
  return parts.join(', ');
}
