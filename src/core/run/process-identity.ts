import { readFile } from 'node:fs/promises';

/**
 * Tells a process from every other one, past and future: its number is used again, its number and start time are not,
 * within one boot.
 */
export interface ProcessIdentity {
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat: clock ticks from boot to the process's start. */
  readonly pidStart: number;
  readonly bootId: string;
}

/** The identity of the process that has this number now, or undefined when there is none (a zombie counts as none). */
export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  let stat: string;
  let bootId: string;
  try {
    [stat, bootId] = await Promise.all([readFile(`/proc/${pid}/stat`, 'latin1'), readFile('/proc/sys/kernel/random/boot_id', 'latin1')]);
  } catch {
    return undefined;
  }
  // Field 2 is the command in parentheses and may itself hold spaces and parentheses: count from the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const state = fields[0];
  const pidStart = Number(fields[19]);
  if (state === undefined || state === 'Z' || state === 'X' || !Number.isSafeInteger(pidStart)) return undefined;
  return { pid, pidStart, bootId: bootId.trim() };
}

/** True when this very process still runs, and not merely another one with its number. */
export async function isAlive(process: ProcessIdentity): Promise<boolean> {
  const now = await identify(process.pid);
  return now !== undefined && now.pidStart === process.pidStart && now.bootId === process.bootId.trim();
}
