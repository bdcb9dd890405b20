import { hostname } from 'node:os';
import { open, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { randomBytes } from 'node:crypto';

import { mostBytes, readPlainText } from '../files/plain-file.js';
import { identify, type ProcessIdentity } from './process-identity.js';

/**
 * `process.json` of a run folder: what the side that starts and stops the runner knows and the event log cannot say.
 * It covers the time before the first event, a stop under way, and how the process ended. Only a help: without it the
 * event log is enough to tell how a run stands.
 */
export interface ProcessRecord extends ProcessIdentity {
  /** The machine that it is on. */
  readonly host?: string;
  /** When a stop was asked for, ISO 8601. */
  readonly stopAsked?: string;
  /** How the process ended, when whoever started it was still there to see it. */
  readonly ended?: { readonly exitCode: number | null; readonly signal: string | null };
}

export const PROCESS_FILE = 'process.json';

/** The record, or undefined when there is none or it is not one. */
export async function readProcessRecord(folder: string): Promise<ProcessRecord | undefined> {
  try {
    const value: unknown = JSON.parse(await readPlainText(path.join(folder, PROCESS_FILE), mostBytes.record));
    return isProcessRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export async function writeProcessRecord(folder: string, record: ProcessRecord): Promise<void> {
  const file = path.join(folder, PROCESS_FILE);
  const temporary = `${file}.${randomBytes(4).toString('hex')}.tmp`;
  await removeLeftovers(folder).catch(() => undefined);
  try {
    const handle = await open(temporary, 'wx');
    try {
      await handle.writeFile(`${JSON.stringify(record)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** What a process that was killed while it wrote a record has left. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(`${PROCESS_FILE}.`) || !name.endsWith('.tmp')) continue;
    const { mtimeMs } = await stat(path.join(folder, name));
    if (Date.now() - mtimeMs > 60_000) await rm(path.join(folder, name), { force: true });
  }
}

/**
 * Whether a process is on another machine, with which this one shares a file system: then nothing here can tell whether it lives. A boot
 * of this machine's own is told by its name.
 */
export async function isElsewhere({ host, bootId }: ProcessRecord): Promise<boolean> {
  if (host === undefined || host === hostname()) return false;
  const here = await identify(process.pid);
  return here !== undefined && here.bootId !== bootId.trim();
}

/** Adds to the record of this process; does nothing when the record is by now another process's. */
export async function amendProcessRecord(
  folder: string,
  process: ProcessIdentity,
  patch: Pick<ProcessRecord, 'stopAsked' | 'ended'>,
): Promise<void> {
  const record = (await readProcessRecord(folder)) ?? process;
  if (sameProcess(record, process)) await writeProcessRecord(folder, { ...record, ...patch });
}

export function sameProcess(a: ProcessIdentity, b: ProcessIdentity): boolean {
  return a.pid === b.pid && a.pidStart === b.pidStart && a.bootId.trim() === b.bootId.trim();
}

function isProcessRecord(value: unknown): value is ProcessRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { pid, pidStart, bootId, host, stopAsked, ended } = value as Record<string, unknown>;
  if (!Number.isSafeInteger(pid) || (pid as number) < 1 || !Number.isSafeInteger(pidStart) || typeof bootId !== 'string') return false;
  if (host !== undefined && typeof host !== 'string') return false;
  if (stopAsked !== undefined && typeof stopAsked !== 'string') return false;
  if (ended === undefined) return true;
  if (typeof ended !== 'object' || ended === null) return false;
  const { exitCode, signal } = ended as Record<string, unknown>;
  return (exitCode === null || Number.isInteger(exitCode)) && (signal === null || typeof signal === 'string');
}
