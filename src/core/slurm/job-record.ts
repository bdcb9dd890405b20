import { access, rm } from 'node:fs/promises';
import path from 'node:path';

import { SHARED_FILE, writeFileAtomically } from '../files/atomic-file.js';
import { mostBytes, readPlainText } from '../files/plain-file.js';
import { REQUEUED_FILE, STOP_FILE } from './script.js';

export const JOB_FILE = 'job.json' as const;

/**
 * `job.json` of a run folder: the run is for a cluster, and as long as there is an `id`, that job decides how it stands.
 */
export interface JobRecord {
  /** Name of the target it was submitted to, or is to be. */
  readonly target: string;
  /** Of Slurm; absent before it took the job. */
  readonly id?: string | undefined;
  /** ISO 8601. */
  readonly submitted?: string | undefined;
  /** The newest event of the log when it was submitted; what came later is the job's. */
  readonly seq?: number | undefined;
  /** When a stop was asked for, ISO 8601. */
  readonly stopAsked?: string | undefined;
  /** It was taken out of the queue before it began. */
  readonly cancelled?: boolean | undefined;
}

/** The record, or undefined when there is none or it is not one. */
export async function readJobRecord(folder: string): Promise<JobRecord | undefined> {
  try {
    const value: unknown = JSON.parse(await readPlainText(path.join(folder, JOB_FILE), mostBytes.record));
    return isJobRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export async function writeJobRecord(folder: string, record: JobRecord): Promise<void> {
  await writeFileAtomically(path.join(folder, JOB_FILE), (handle) => handle.writeFile(`${JSON.stringify(record)}\n`), SHARED_FILE);
}

/** Forgets the job, for a run that goes on elsewhere. */
export async function removeJob(folder: string): Promise<void> {
  await Promise.all([JOB_FILE, STOP_FILE, REQUEUED_FILE].map((name) => rm(path.join(folder, name), { force: true })));
}

/** Whether the script has given the job back to the queue. */
export function isRequeued(folder: string): Promise<boolean> {
  return access(path.join(folder, REQUEUED_FILE)).then(
    () => true,
    () => false,
  );
}

function isJobRecord(value: unknown): value is JobRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { target, id, submitted, seq, stopAsked, cancelled } = value as Record<string, unknown>;
  const textOrNone = (field: unknown): boolean => field === undefined || typeof field === 'string';
  return (
    typeof target === 'string' &&
    (id === undefined || (typeof id === 'string' && /^\d+$/.test(id))) &&
    textOrNone(submitted) &&
    textOrNone(stopAsked) &&
    (seq === undefined || Number.isSafeInteger(seq)) &&
    (cancelled === undefined || typeof cancelled === 'boolean')
  );
}
