import { open, readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';

import { WishboneError } from '../errors.js';
import { SHARED_FILE, writeFileAtomically } from '../files/atomic-file.js';
import { mostBytes, readPlainText } from '../files/plain-file.js';
import { jobViews, type JobView } from './commands.js';
import { readJobRecord } from './job-record.js';

/** What Slurm said of a job, and when it was asked. */
export interface AskedView extends JobView {
  /** Milliseconds since 1970. */
  readonly asked: number;
}

/** What was learnt of the jobs of a folder of runs: kept there, for every window and command that looks at it. */
interface Answer {
  readonly asked: number;
  readonly problem?: string | undefined;
  readonly jobs: Readonly<Record<string, AskedView>>;
}

const ANSWER_FILE = '.slurm.json';
const LOCK_FILE = '.slurm.lock';
/** Whoever asks has an answer by then, or will not have one. */
const STALE_LOCK_MILLISECONDS = 90_000;
const NOTHING: Answer = { asked: 0, jobs: {} };

/** States in which a job is, or will be, at work again. */
const LIVE =
  /^(PENDING|CONFIGURING|RUNNING|COMPLETING|SUSPENDED|REQUEUED|REQUEUE_HOLD|REQUEUE_FED|RESIZING|SIGNALING|STAGE_OUT|STOPPED|SPECIAL_EXIT)/;
export const isLive = ({ state }: JobView): boolean => LIVE.test(state);
const WAITS = /^(PENDING|CONFIGURING|REQUEUE|SPECIAL_EXIT)/;
export const isWaiting = ({ state }: JobView): boolean => WAITS.test(state);

/** How often Slurm is asked at most, milliseconds. */
function interval(): number {
  const seconds = Number(process.env['WISHBONE_SLURM_SECONDS'] ?? 60);
  return 1000 * (Number.isFinite(seconds) && seconds > 0 ? seconds : 60);
}

/**
 * What Slurm last said of a run's job. Slurm is asked once for all runs of the folder that have one, and at most once a minute, whoever
 * looks: other windows and commands read the same answer.
 *
 * @returns undefined as long as it was not asked since the job was submitted, or cannot be
 */
export async function lookAtJob(runFolder: string, id: string): Promise<AskedView | undefined> {
  const runs = path.dirname(path.resolve(runFolder));
  const known = await readAnswer(runs);
  const own = known.jobs[id];
  // What has ended stays so: an id is not used again while anybody remembers it.
  if (own !== undefined && !isLive(own)) return own;
  if (Date.now() - known.asked < interval()) return own;
  await askOnce(runs);
  return (await readAnswer(runs)).jobs[id];
}

/** Why Slurm does not answer; empty when it does. */
export async function slurmProblem(runFolder: string): Promise<string> {
  return (await readAnswer(path.dirname(path.resolve(runFolder)))).problem ?? '';
}

async function askOnce(runs: string): Promise<void> {
  const lock = path.join(runs, LOCK_FILE);
  if (!(await locked(lock))) return;
  try {
    const known = await readAnswer(runs);
    // Somebody else has, between our look and the lock.
    if (Date.now() - known.asked < interval()) return;
    await writeAnswer(runs, await answer(runs, known));
  } catch {
    // A folder that cannot be written keeps no answer, and the run is judged by its events.
  } finally {
    await rm(lock, { force: true }).catch(() => undefined);
  }
}

async function answer(runs: string, known: Answer): Promise<Answer> {
  const asked = Date.now();
  const ids = await liveJobs(runs, known);
  const kept = Object.fromEntries(Object.entries(known.jobs).filter(([id]) => ids.all.includes(id)));
  if (ids.live.length === 0) return { asked, jobs: kept };
  try {
    const views = await jobViews(ids.live);
    const jobs = ids.live.map((id): [string, AskedView] => [id, { ...(views.get(id) ?? { state: '', reason: '', nodes: '' }), asked }]);
    return { asked, jobs: { ...kept, ...Object.fromEntries(jobs) } };
  } catch (error) {
    if (!(error instanceof WishboneError)) throw error;
    return { asked, problem: error.what, jobs: kept };
  }
}

/** Jobs of the folder's runs: all, and those that may still be at work. */
async function liveJobs(runs: string, { jobs }: Answer): Promise<{ readonly all: readonly string[]; readonly live: readonly string[] }> {
  const names = (await readdir(runs, { withFileTypes: true })).filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'));
  const records = await Promise.all(names.map(({ name }) => readJobRecord(path.join(runs, name))));
  const all = records.flatMap((record) => (record?.id === undefined || record.cancelled ? [] : [record.id]));
  return { all, live: all.filter((id) => jobs[id] === undefined || isLive(jobs[id])) };
}

async function locked(file: string): Promise<boolean> {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      await (await open(file, 'wx')).close();
      return true;
    } catch {
      const { mtimeMs = Date.now() } = await stat(file).catch(() => ({}) as { mtimeMs?: number });
      if (Date.now() - mtimeMs < STALE_LOCK_MILLISECONDS) return false;
      await rm(file, { force: true }).catch(() => undefined);
    }
  }
  return false;
}

async function readAnswer(runs: string): Promise<Answer> {
  try {
    const value = JSON.parse(await readPlainText(path.join(runs, ANSWER_FILE), mostBytes.record)) as Partial<Answer> | null;
    if (typeof value?.asked !== 'number' || typeof value.jobs !== 'object' || value.jobs === null) return NOTHING;
    const jobs = Object.entries(value.jobs).filter(([, view]) => typeof view?.state === 'string' && typeof view.asked === 'number');
    return { asked: value.asked, problem: typeof value.problem === 'string' ? value.problem : undefined, jobs: Object.fromEntries(jobs) };
  } catch {
    return NOTHING;
  }
}

async function writeAnswer(runs: string, value: Answer): Promise<void> {
  await writeFileAtomically(path.join(runs, ANSWER_FILE), (handle) => handle.writeFile(`${JSON.stringify(value)}\n`), SHARED_FILE);
}
