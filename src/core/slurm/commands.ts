import { execFile } from 'node:child_process';

import { ExitCode, WishboneError } from '../errors.js';
import { programPath } from '../files/program-path.js';

/** What a job's state and reason are in Slurm's words. */
export interface JobView {
  /** Such as `PENDING`, `RUNNING`, `COMPLETED`; empty when Slurm does not know the job any more. */
  readonly state: string;
  /** Why it waits, or has ended; empty when Slurm gives none. */
  readonly reason: string;
  readonly nodes: string;
  /** How often it went back into the queue, where Slurm says. */
  readonly restarts?: number | undefined;
}

const PATIENCE_MILLISECONDS = 30_000;
/** A busy cluster's whole queue as JSON is long; beyond this its text is asked for. */
const MOST_OUTPUT = 64 * 2 ** 20;

interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs one of Slurm's programs.
 *
 * @throws WishboneError when it is not there or does not answer in time
 */
async function slurm(program: string, args: readonly string[], cwd?: string): Promise<Said> {
  const file = programPath(program);
  if (file === undefined)
    throw new WishboneError(
      `${program} is not there`,
      'PATH',
      'work on a machine of the cluster, where Slurm is installed',
      ExitCode.internal,
    );
  return new Promise((resolve, reject) => {
    execFile(file, args, { cwd, timeout: PATIENCE_MILLISECONDS, maxBuffer: MOST_OUTPUT }, (error, stdout, stderr) => {
      const { code, killed } = (error ?? {}) as { code?: unknown; killed?: boolean };
      if (error === null) resolve({ code: 0, stdout, stderr });
      else if (typeof code === 'number' && killed !== true) resolve({ code, stdout, stderr });
      else
        reject(
          new WishboneError(`${program} does not answer: ${error.message.split('\n')[0]}`, file, 'try again later', ExitCode.internal),
        );
    });
  });
}

/** What Slurm says of an error, without the names of its programs. */
function words({ stderr, stdout, code }: Said): string {
  const lines = (stderr.trim() || stdout.trim())
    .split('\n')
    .map((text) => text.replace(/^(sbatch|scancel|squeue|slurm_\w+): ?(error: ?)?/, ''));
  return lines.filter((text) => text !== '').join('; ') || `exit code ${code}`;
}

/**
 * Submits a batch script.
 *
 * @param name of the job, whatever the script calls it: nothing is done to a job of another
 * @returns the job's id
 * @throws WishboneError with `sbatch`'s words when it is refused
 */
export async function submit(script: string, cwd: string, name: string): Promise<string> {
  const said = await slurm('sbatch', ['--parsable', `--job-name=${name}`, script], cwd);
  // With several clusters: id;cluster.
  const id = /^(\d+)(;.*)?$/m.exec(said.stdout.trim())?.[1];
  if (said.code === 0 && id !== undefined) return id;
  throw new WishboneError(`Slurm refuses the job: ${words(said)}`, script, 'change the target in the settings, and start the run again');
}

/** A job by its number and its name: a number alone, read from a file, could be that of any job of the user's. */
export interface NamedJob {
  readonly id: string;
  readonly name: string;
}

const only = ({ id, name }: NamedJob): readonly string[] => [`--name=${name}`, id];

/** Takes a job that has not begun out of the queue. @returns whether it was there */
export async function cancelPending(job: NamedJob): Promise<boolean> {
  const said = await slurm('scancel', ['-v', '--state=PENDING', ...only(job)]);
  return new RegExp(`Terminating job ${job.id}\\b`).test(said.stderr);
}

/** Sends SIGTERM to a job's steps. @throws WishboneError when Slurm cannot */
export async function signalSteps(job: NamedJob): Promise<void> {
  const said = await slurm('scancel', ['--signal=TERM', ...only(job)]);
  if (said.code !== 0)
    throw new WishboneError(`Slurm cannot stop the job: ${words(said)}`, `job ${job.id}`, 'try again', ExitCode.internal);
}

/** Ends a job, whatever it is at. */
export async function cancel(job: NamedJob): Promise<void> {
  await slurm('scancel', [...only(job)]);
}

/** Whether this Slurm answers in JSON; known once it was asked. */
let speaksJson: boolean | undefined;

/**
 * What Slurm says of jobs, by id; one that it does not know any more is not there.
 *
 * @throws WishboneError when Slurm does not answer
 */
export async function jobViews(ids: readonly string[]): Promise<ReadonlyMap<string, JobView>> {
  if (speaksJson !== false) {
    const said = await slurm('squeue', ['--json', '--states=all', `--jobs=${ids.join(',')}`]).catch((error: unknown) => {
      // Too long for what it is asked for, perhaps; a program that is not there is not there for text either.
      if (programPath('squeue') === undefined) throw error;
      return undefined;
    });
    // None of them is known any more.
    if (said !== undefined && said.code !== 0 && /Invalid job id/i.test(said.stderr)) return new Map();
    const views = said?.code === 0 ? parseJson(said.stdout) : undefined;
    speaksJson = views !== undefined;
    if (views !== undefined) return new Map([...views].filter(([id]) => ids.includes(id)));
  }
  const said = await slurm('squeue', ['--noheader', '--states=all', `--jobs=${ids.join(',')}`, '--format=%A|%T|%r|%N']);
  if (said.code !== 0 && /Invalid job id/i.test(said.stderr)) return new Map();
  if (said.code !== 0) throw new WishboneError(`Slurm does not answer: ${words(said)}`, 'squeue', 'try again later', ExitCode.internal);
  return parseText(said.stdout);
}

/** What is the case beside a job's main state, in the order in which Slurm's own text prefers one: each says more than that. */
const FLAGS = [
  'COMPLETING',
  'STAGE_OUT',
  'CONFIGURING',
  'RESIZING',
  'REQUEUED',
  'REQUEUE_FED',
  'REQUEUE_HOLD',
  'SPECIAL_EXIT',
  'STOPPED',
  'REVOKED',
  'RECONFIG_FAIL',
];

/**
 * Jobs in what `squeue --json` (or `scontrol show jobs --json`) prints, of any version of its format; undefined when it is none of them.
 * Numbers are plain or, from 23.02 on, `{ set, infinite, number }`; a state is a text or, from 23.11 on, a list of the main one
 * and flags; nodes are a text, or that of the job's resources where it is not.
 */
export function parseJson(text: string): ReadonlyMap<string, JobView> | undefined {
  let jobs: unknown;
  try {
    ({ jobs } = JSON.parse(text) as { jobs?: unknown });
  } catch {
    return undefined;
  }
  if (!Array.isArray(jobs)) return undefined;
  const views = new Map<string, JobView>();
  for (const job of jobs as readonly unknown[]) {
    const { job_id, job_state, state_reason: reason, nodes, job_resources, restart_cnt } = fieldsOf(job);
    const id = numberOf(job_id);
    const state = stateOf(job_state);
    if (!Number.isSafeInteger(id) || state === undefined) continue;
    const where = [nodes, fieldsOf(nodes)['list'], fieldsOf(job_resources)['nodes'], fieldsOf(fieldsOf(job_resources)['nodes'])['list']];
    views.set(String(id), {
      state,
      reason: typeof reason === 'string' && reason !== 'None' ? reason : '',
      nodes: where.find((each): each is string => typeof each === 'string' && each !== '') ?? '',
      restarts: numberOf(restart_cnt),
    });
  }
  return views;
}

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};

function stateOf(value: unknown): string | undefined {
  const all = [value].flat().filter((each): each is string => typeof each === 'string' && each !== '');
  return FLAGS.find((flag) => all.includes(flag)) ?? all[0];
}

/** A number, also one that is given as an object that says whether there is one, or as a text. */
function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'string' && /^\d+$/.test(value)) return Number(value);
  const { number, set } = fieldsOf(value);
  return typeof number === 'number' && set !== false ? number : undefined;
}

/** Jobs in lines of `%A|%T|%r|%N`. */
export function parseText(text: string): ReadonlyMap<string, JobView> {
  const views = new Map<string, JobView>();
  for (const each of text.split('\n')) {
    const [id, state, reason = '', nodes = ''] = each.trim().split('|');
    if (id === undefined || state === undefined || !/^\d+$/.test(id)) continue;
    views.set(id, { state, reason: reason === 'None' ? '' : reason, nodes });
  }
  return views;
}
