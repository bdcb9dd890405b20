import { createHash } from 'node:crypto';
import path from 'node:path';

import { WishboneError } from '../errors.js';
import { mostBytes, readPlainText } from '../files/plain-file.js';
import type { SlurmTarget } from './target.js';

/** Files of a run folder that the batch script and this side leave each other. */
export const SCRIPT_FILE = 'job.sh';
/** There when somebody has asked the run to stop: then it does not go on by itself. */
export const STOP_FILE = 'job.stop';
/** There from when the script gives the job back to the queue until it begins again. */
export const REQUEUED_FILE = 'job.requeued';

/** What the job of a run is called; whatever is done to a job is done to one of this name alone. */
export const jobName = (runId: string): string => `wishbone-${runId}`;

/** How long before its time limit a job is told, seconds; Slurm may do so up to a minute earlier. */
const NOTICE_SECONDS = 120;

/** What a batch script is made for. */
export interface ScriptRequest {
  readonly target: SlurmTarget;
  /** Absolute path of the run folder. */
  readonly folder: string;
  readonly id: string;
  /** Absolute path of the runner; the target may name another. */
  readonly runner: string;
}

/**
 * The batch script of a run. It can be read, changed and submitted by hand; submitted again, the run goes on where it was.
 *
 * SIGTERM before the time limit goes to the job's step, that is to the runner, which saves and ends as for any stop; the script then
 * gives the job back to the queue. After a node that went down Slurm does so itself.
 *
 * @throws WishboneError when a path cannot be written into it
 */
export function batchScript({ target, folder, id, runner }: ScriptRequest): string {
  const program = target.runner ?? runner;
  for (const each of [folder, program])
    if (/[\n\r\0"\\]/.test(each))
      throw new WishboneError('a path with a quote, a backslash or a line break cannot be in a batch script', each, 'rename the folder');
  const { partition, nodes, gpusPerNode, cpusPerTask, memory, timeLimit, account, qos, options, setup } = target;
  const given = (name: string, value: string | number | undefined): string[] => (value === undefined ? [] : [`--${name}=${value}`]);
  const directives = [
    ...given('partition', partition),
    ...given('account', account),
    ...given('qos', qos),
    `--nodes=${nodes}`,
    '--ntasks-per-node=1',
    ...given('gpus-per-node', gpusPerNode === 0 ? undefined : gpusPerNode),
    ...given('cpus-per-task', cpusPerTask),
    ...given('mem', memory),
    ...given('time', timeLimit),
    `--chdir="${folder}"`,
    '--output=runner.log',
    '--open-mode=append',
    '--requeue',
    `--signal=TERM@${NOTICE_SECONDS}`,
    ...options,
    // Last, so that no option of the target's gives it another.
    `--job-name=${jobName(id)}`,
  ];
  const lines = [
    '#!/bin/bash',
    `# A run of Wishbone on the target ${target.name}. To submit it by hand: sbatch ${SCRIPT_FILE}`,
    ...directives.map((directive) => `#SBATCH ${directive}`),
    '',
    `run=${quoted(folder)}`,
    `runner=\${WISHBONE_RUNNER:-${quoted(program)}}`,
    'cd "$run" || exit 5',
    '',
    ...(setup.length > 0 ? ['# Of the target', ...setup, ''] : []),
    '# Whoever looks at the run finds its job by this, also when it was submitted by hand.',
    `grep -qs "\\"id\\":\\"$SLURM_JOB_ID\\"" job.json ||`,
    `  printf '{"target":"%s","id":"%s","submitted":"%s"}\\n' ${target.name} "$SLURM_JOB_ID" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" > job.json`,
    `rm -f ${REQUEUED_FILE}`,
    `[ -e ${STOP_FILE} ] && exit 0`,
    '',
    '# What has begun goes on from its newest checkpoint.',
    'resume=()',
    '[ -s events.jsonl ] && resume=(--resume)',
    '',
    'srun --kill-on-bad-exit=1 "$runner" train "$run" "${resume[@]}"',
    'code=$?',
    '',
    '# The time limit was near, and the runner has saved: the job goes back into the queue.',
    `if [ "$code" -eq 0 ] && [ ! -e ${STOP_FILE} ] && tail -n 1 events.jsonl | grep -q '"type": *"stopped"'; then`,
    `  touch ${REQUEUED_FILE}`,
    `  scontrol requeue "$SLURM_JOB_ID" || rm -f ${REQUEUED_FILE}`,
    'fi',
    'exit "$code"',
  ];
  return sealed(lines);
}

const SEAL = /^# As Wishbone wrote it; changed, it is kept: SHA-256 ([0-9a-f]{64})$/m;

function sealed(lines: readonly string[]): string {
  const [shebang, ...rest] = lines;
  return [shebang, `# As Wishbone wrote it; changed, it is kept: SHA-256 ${hashOf(`${lines.join('\n')}\n`)}`, ...rest, ''].join('\n');
}

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Whether a script is one that {@link batchScript} made, with nothing in it changed. */
function isAsWritten(text: string): boolean {
  const [line, hash] = SEAL.exec(text) ?? [];
  return line !== undefined && hashOf(text.replace(`${line}\n`, '')) === hash;
}

/** A batch script of a run folder that somebody has changed by hand. */
export interface ChangedScript {
  readonly file: string;
  /** The target that it was made for, where it still says so. */
  readonly target: string | undefined;
}

/** The script of a run where it is not as it was written; undefined where it is, or is not there. */
export async function changedScript(folder: string): Promise<ChangedScript | undefined> {
  const file = path.join(folder, SCRIPT_FILE);
  const text = await readPlainText(file, mostBytes.settings).catch((error: unknown) => {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new WishboneError(`the batch script cannot be read: ${message}`, file, 'check the file, or remove it to have it written anew');
  });
  if (text === undefined || isAsWritten(text)) return undefined;
  return { file, target: /^# A run of Wishbone on the target ([\w.-]+)\./m.exec(text)?.[1] };
}

/** A word as a POSIX shell takes it whole. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
