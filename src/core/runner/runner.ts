import { once } from 'node:events';
import { constants, createWriteStream, type WriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { PRIVATE_FILE } from '../files/atomic-file.js';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { ExitCode, WishboneError } from '../errors.js';
import { openPlain } from '../files/plain-file.js';
import { readEventEnds } from '../events/event-ends.js';
import { type FailedEvent, isTerminal, type StartEvent } from '../events/events.js';
import { LOG_FILE, readRun } from '../run/folder.js';
import { identify, isAlive, type ProcessIdentity } from '../run/process-identity.js';
import { amendProcessRecord, isElsewhere, PROCESS_FILE, readProcessRecord, writeProcessRecord } from '../run/process-record.js';
import { isActive, runState } from '../run/state.js';
import { checkPlanUnchanged } from '../run/unchanged-plan.js';
import { locateRunner } from './locate-runner.js';
import { readJobRecord, removeJob } from '../slurm/job-record.js';
import { stopJob } from '../slurm/submit.js';
import type { RunnerAhead } from './runner-ahead.js';

/** A runner that is silent longer than this but alive is taken as started: a slow disk is no error. */
const PATIENCE_MILLISECONDS = 60_000;
/** Milliseconds that a run's process may take to go after its last word; the runner waits as long for the run's lock. */
const MOST_TO_GO = 10_000;
const LOG_TAIL_BYTES = 16_384;
/** `a`, and not waiting for anybody should the log be a pipe. */
const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;

export interface StartOptions {
  /** Go on from the newest whole checkpoint. Without it a run that has begun is refused. */
  readonly resume?: boolean;
  /** The runner's path; by default {@link locateRunner} finds it. */
  readonly runner?: string;
  /** One that has got ready for the run, where there is one. Not for a run that goes on. */
  readonly ahead?: RunnerAhead | undefined;
}

/**
 * Starts the runner on a run folder, as a process of its own that outlives this one; its output goes to `runner.log`.
 * Waits until it has written its `start` event.
 *
 * @returns the runner's process id
 * @throws WishboneError when the folder is no run, a runner works on it already, or the runner ends at once; then with
 *   its own error, or its exit and last log lines
 */
export async function startRunner(folder: string, options: StartOptions = {}): Promise<number> {
  const run = await readRun(folder);
  // Loaded when first needed: nothing else of the run store wants it, and looking at runs should be quick.
  const { execa } = await import('execa');
  const runner = options.runner ?? (await locateRunner());
  const job = await readJobRecord(run.folder);
  await waitForEnd(run.folder);
  if ((await liveProcess(run.folder)) !== undefined || (job?.id !== undefined && isActive(await runState(run.folder)))) {
    throw new WishboneError('this run is already running', run.folder, 'stop it first, or wait until it ends');
  }
  await checkPlanUnchanged(run);
  // A look every few milliseconds at a log that may be long: at its end only.
  const before = (await readEventEnds(run.folder)).at(-1)?.seq ?? -1;
  const logFile = path.join(run.folder, LOG_FILE);
  const log = await openLog(logFile);
  let subprocess;
  let logBegin: number;
  try {
    logBegin = (await stat(logFile)).size;
    subprocess = options.ahead?.take(run.folder);
    // The child gets the file's descriptor, not a pipe: it must be able to write when this process is gone.
    subprocess ??= execa(runner, ['train', run.folder, ...(options.resume === true ? ['--resume'] : [])], {
      cwd: run.folder,
      detached: true,
      cleanup: false,
      reject: false,
      stdin: 'ignore',
      stdout: log,
      stderr: log,
    });
  } finally {
    log.destroy();
  }
  subprocess.unref();
  const ended = subprocess.then((result) => ({
    exitCode: result.exitCode ?? null,
    signal: result.signal ?? null,
    // Set when the program could not be started at all.
    cause: result.failed && result.exitCode === undefined && result.signal === undefined ? result.shortMessage : undefined,
  }));
  const pid = subprocess.pid;
  const identity = pid === undefined ? undefined : await identify(pid);
  if (identity !== undefined) {
    await writeProcessRecord(run.folder, { ...identity, host: hostname() });
    await removeJob(run.folder);
    void ended
      .then(({ exitCode, signal }) => amendProcessRecord(run.folder, identity, { ended: { exitCode, signal } }))
      // The folder may be gone by then; nobody is left to be told.
      .catch(() => undefined);
  }

  let end: Awaited<typeof ended> | undefined;
  void ended.then((result) => (end = result));
  const deadline = Date.now() + PATIENCE_MILLISECONDS;
  for (;;) {
    const hasEnded = end;
    const events = (await readEventEnds(run.folder)).filter(({ seq }) => seq > before);
    const failure = events.find((event): event is FailedEvent => event.type === 'failed');
    if (hasEnded !== undefined && failure !== undefined) throw failureError(failure);
    if (failure === undefined && events.some((event) => event.type === 'start')) {
      if (pid !== undefined) return pid;
    }
    if (hasEnded !== undefined) {
      if (pid !== undefined && hasEnded.exitCode === 0 && events.some(isTerminal)) return pid;
      throw await earlyExitError(runner, hasEnded, logFile, logBegin);
    }
    if (Date.now() > deadline && pid !== undefined) return pid;
    await sleep(25);
  }
}

async function openLog(file: string): Promise<WriteStream> {
  const stream = createWriteStream(file, { flags: APPEND as unknown as string, mode: PRIVATE_FILE });
  try {
    await once(stream, 'open');
    return stream;
  } catch (error) {
    throw new WishboneError(
      `cannot write the runner's log: ${(error as Error).message}`,
      file,
      'check the folder and its disk',
      ExitCode.cannotWrite,
    );
  }
}

function failureError(event: FailedEvent): WishboneError {
  return new WishboneError(event.what, event.where, event.advice, asExitCode(event.exitCode));
}

async function earlyExitError(
  runner: string,
  ended: { readonly exitCode: number | null; readonly signal: string | null; readonly cause: string | undefined },
  logFile: string,
  logBegin: number,
): Promise<WishboneError> {
  if (ended.cause !== undefined) {
    return new WishboneError(
      `the runner could not be started: ${ended.cause}`,
      runner,
      'check that it was built for this machine: run it with `info --json`',
      ExitCode.internal,
    );
  }
  const lines = await lastLogLines(logFile, { from: logBegin });
  const said = parseRunnerError(lines);
  if (said !== undefined) return new WishboneError(said.what, said.where, said.advice, asExitCode(ended.exitCode));
  return new WishboneError(
    `the runner ended before training began: ${exitText(ended)}${lines.length > 0 ? `; it said: ${lines.slice(-5).join(' / ')}` : ''}`,
    logFile,
    'see the log; if memory ran out, use a smaller capacity or model',
    asExitCode(ended.exitCode),
  );
}

/** How a process ended, in words. */
export function exitText(ended: { readonly exitCode: number | null; readonly signal: string | null }): string {
  if (ended.signal !== null) return `killed by ${ended.signal}`;
  return ended.exitCode === null ? 'ended in an unknown way' : `exit code ${ended.exitCode}`;
}

function asExitCode(code: number | null): ExitCode {
  return (Object.values(ExitCode) as (number | null)[]).includes(code) && code !== ExitCode.ok ? (code as ExitCode) : ExitCode.internal;
}

/** The last error the runner printed (docs/formats.md: three lines), or undefined. */
export function parseRunnerError(lines: readonly string[]): { what: string; where: string; advice: string } | undefined {
  for (let i = lines.length - 1; i >= 0; i--) {
    const what = /^error: (.*)$/.exec(lines[i]!)?.[1];
    if (what === undefined) continue;
    const where = /^ {2}at: (.*)$/.exec(lines[i + 1] ?? '')?.[1];
    const advice = /^ {2}fix: (.*)$/.exec(lines[i + 2] ?? '')?.[1];
    if (where !== undefined && advice !== undefined) return { what, where, advice };
  }
  return undefined;
}

/** The last lines of a log file that are not empty, at most `count`; none when it cannot be read. */
export async function lastLogLines(
  file: string,
  { from = 0, count = 20 }: { readonly from?: number; readonly count?: number } = {},
): Promise<string[]> {
  try {
    const handle = await openPlain(file);
    try {
      const { size } = await handle.stat();
      const begin = Math.max(from, size - LOG_TAIL_BYTES);
      const buffer = Buffer.alloc(Math.max(0, size - begin));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, begin);
      const lines = buffer.toString('utf8', 0, bytesRead).split(/\r?\n/);
      // The first line is cut when reading began inside the log.
      if (begin > from) lines.shift();
      return lines.filter((line) => line.trim() !== '').slice(-count);
    } finally {
      await handle.close();
    }
  } catch {
    return [];
  }
}

/** The last word comes before the process is gone: whoever goes on with the run at once waits for that, not for one at work. */
async function waitForEnd(folder: string): Promise<void> {
  const begin = performance.now();
  for (;;) {
    const last = (await readEventEnds(folder)).at(-1);
    if (last === undefined || !isTerminal(last) || (await liveProcess(folder)) === undefined) return;
    if (performance.now() - begin > MOST_TO_GO) return;
    await sleep(20);
  }
}

/** The process at work on a run, or undefined. */
async function liveProcess(folder: string): Promise<ProcessIdentity | undefined> {
  const record = await readProcessRecord(folder);
  if (record !== undefined && (await isElsewhere(record))) {
    if (!isActive(await runState(folder))) return undefined;
    const advice = `do that there; if that machine is gone for good, remove ${PROCESS_FILE} from the folder`;
    throw new WishboneError(`the run is at work on another machine, ${record.host}`, folder, advice);
  }
  if (record !== undefined && (await isAlive(record))) return record;
  const start = (await readEventEnds(folder, { evals: true })).filter((event): event is StartEvent => event.type === 'start').at(-1);
  if (start === undefined || !(await isAlive(start))) return undefined;
  const { pid, pidStart, bootId } = start;
  return { pid, pidStart, bootId };
}

/**
 * Asks a run's process to stop: it finishes its step, writes a checkpoint and exits. With `force` it ends at once, even
 * if that needs SIGKILL; the run can be resumed from its last checkpoint either way.
 *
 * @returns false when no process is at work on the run. Its number alone is not trusted: the process must have started
 *   when the run's did.
 * @throws WishboneError when the process belongs to somebody else
 */
export async function stopRunner(folder: string, options: { readonly force?: boolean } = {}): Promise<boolean> {
  const job = await readJobRecord(folder);
  const { id } = job ?? {};
  if (job !== undefined && id !== undefined) {
    if (!isActive(await runState(folder))) return false;
    await stopJob(folder, { ...job, id }, options);
    return true;
  }
  const target = await liveProcess(folder);
  if (target === undefined) return false;
  if (options.force !== true) {
    if (!send(target.pid, 'SIGTERM', folder)) return false;
    await amendProcessRecord(folder, target, { stopAsked: new Date().toISOString() }).catch(() => undefined);
    return true;
  }
  // A second SIGTERM ends the runner at once; the first of the two may not have been sent yet.
  send(target.pid, 'SIGTERM', folder);
  await sleep(100);
  for (const [signal, patience] of [
    ['SIGTERM', 3000],
    ['SIGKILL', 3000],
  ] as const) {
    if (!(await isAlive(target))) return true;
    send(target.pid, signal, folder);
    const deadline = Date.now() + patience;
    while (Date.now() < deadline && (await isAlive(target))) await sleep(25);
  }
  return true;
}

/** Sends a signal; false when the process is gone. */
function send(pid: number, signal: NodeJS.Signals, folder: string): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ESRCH') return false;
    throw new WishboneError(
      `cannot stop the runner (process ${pid}): ${message}`,
      folder,
      'stop it as the user who started it',
      ExitCode.internal,
    );
  }
}
